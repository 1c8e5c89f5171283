locals {
  duties = [
    "ml-reader",
    "ml-writer",
    "audit-writer",
    "log-reader",
    "ledger",
    "directory-reader",
    "secrets-reader",
  ]
}
