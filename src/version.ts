/**
 * The product's version, as it appears in records and in `User-Agent`; a test holds it to package.json.
 * @module
 */
export const VERSION = '0.1.0'
