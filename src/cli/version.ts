/**
 * The product's version, as it appears in records, in `User-Agent` and in `--version`.
 * @module
 */

/** A test compares it with package.json. */
export const VERSION = '0.1.0'
