module "network" {
  source = "./modules/network"
  name   = var.name
}
module "storage" {
  source    = "./modules/storage"
  name      = var.name
  providers = { aws = aws, aws.second = aws.second }
}
module "database" {
  source         = "./modules/database"
  name           = var.name
  class          = var.size.database_class
  multi_az       = var.size.multi_az
  subnets        = module.network.private_subnets
  security_group = module.network.database_group
}
module "cache" {
  source         = "./modules/cache"
  name           = var.name
  type           = var.size.cache_type
  nodes          = var.size.cache_nodes
  subnets        = module.network.private_subnets
  security_group = module.network.cache_group
}
module "iam" {
  source     = "./modules/iam"
  name       = var.name
  buckets    = module.storage.bucket_arns
  secret_arn = var.secret_arn
}
module "gateway" {
  source           = "./modules/gateway"
  name             = var.name
  image            = var.images.gateway
  ami              = var.ami.gateway
  secret_arn       = var.secret_arn
  size             = var.size.gateways
  certificate_arn  = var.certificate_arn
  instance_profile = module.iam.instance_profile
  vpc              = module.network.vpc
  public_subnets   = module.network.public_subnets
  private_subnets  = module.network.private_subnets
  groups           = { balancer = module.network.balancer_group, machine = module.network.gateway_group }
}
module "workers" {
  source           = "./modules/workers"
  name             = var.name
  image            = var.images.worker_gpu
  ami              = var.ami.worker_gpu
  secret_arn       = var.secret_arn
  size             = var.size.workers
  instance_profile = module.iam.instance_profile
  subnets          = module.network.private_subnets
  security_group   = module.network.worker_group
}
module "alarms" {
  source        = "./modules/alarms"
  name          = var.name
  endpoints     = var.alarm_endpoints
  worker_group  = module.workers.group
  database      = module.database.identifier
  load_balancer = module.gateway.load_balancer
}
output "address" { value = module.gateway.address }
output "store" { value = "s3://${module.storage.results}/store" }
output "backup" { value = "s3://${module.storage.models}/backup" }
