locals {
  by_duty = { for one in module.base.identities : one.duty => one }
}
