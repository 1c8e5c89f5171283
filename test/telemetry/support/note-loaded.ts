/**
 * Loaded into the gateway by a test: writes down the modules that traces are made with, as they are loaded.
 * @module
 */
import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'

registerHooks({
  load(url, context, next) {
    if (/@opentelemetry\/(?!api\/)|telemetry\/open-telemetry/.test(url))
      appendFileSync(process.env['LOADED'] ?? '', `${url}\n`)
    return next(url, context)
  },
})
