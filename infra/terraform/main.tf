locals {
  ec2    = var.eks == null ? 1 : 0 # where Kubernetes runs gateway and workers, no machines of theirs are made
  places = { store = "s3://${module.storage.results}/store", backup = "s3://${module.storage.models}/backup" }
}
module "network" {
  source = "./modules/network"
  name   = var.name
}
module "keys" {
  source    = "./modules/keys"
  name      = var.name
  providers = { aws = aws, aws.second = aws.second }
}
module "logs" {
  source  = "./modules/logs"
  name    = var.name
  key_arn = module.keys.here
  days    = var.log_days
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
  security_group = module.network.groups["database"]
}
module "cache" {
  source         = "./modules/cache"
  name           = var.name
  type           = var.size.cache_type
  nodes          = var.size.cache_nodes
  subnets        = module.network.private_subnets
  security_group = module.network.groups["cache"]
}
module "iam" {
  source     = "./modules/iam"
  name       = var.name
  buckets    = module.storage.bucket_arns
  secret_arn = var.secret_arn
  log_arns   = module.logs.arns
}
module "prefect" {
  source           = "./modules/prefect"
  count            = local.ec2
  name             = var.name
  image            = var.images.gateway
  ami              = var.ami.gateway
  type             = var.size.prefect_type
  secret_arn       = var.secret_arn
  log_group        = module.logs.names["prefect"]
  instance_profile = module.iam.instance_profile
  vpc              = module.network.vpc
  subnets          = module.network.private_subnets
  groups           = { balancer = module.network.groups["prefect-balancer"], machine = module.network.groups["prefect"] }
  users            = var.size.users
  pools = {
    cpu = { group = module.workers["cpu"].group, hook = module.workers["cpu"].hook, min = var.size.cpu_workers.min, max = var.size.cpu_workers.max }
    gpu = { group = module.workers["gpu"].group, hook = module.workers["gpu"].hook, min = var.size.gpu_workers.min, max = var.size.gpu_workers.max }
  }
}
module "gateway" {
  source           = "./modules/gateway"
  count            = local.ec2
  name             = var.name
  image            = var.images.gateway
  ami              = var.ami.gateway
  secret_arn       = var.secret_arn
  log_group        = module.logs.names["gateway"]
  prefect_api_url  = module.prefect[0].api_url
  store            = local.places.store
  size             = var.size.gateways
  certificate_arn  = var.certificate_arn
  instance_profile = module.iam.instance_profile
  vpc              = module.network.vpc
  public_subnets   = module.network.public_subnets
  private_subnets  = module.network.private_subnets
  groups           = { balancer = module.network.groups["balancer"], machine = module.network.groups["gateway"] }
}
module "workers" {
  source = "./modules/workers"
  for_each = local.ec2 == 0 ? {} : {
    cpu = { image = var.images.worker_cpu, ami = var.ami.gateway, size = var.size.cpu_workers }
    gpu = { image = var.images.worker_gpu, ami = var.ami.worker_gpu, size = var.size.gpu_workers }
  }
  name             = var.name
  pool             = each.key
  image            = each.value.image
  ami              = each.value.ami
  secret_arn       = var.secret_arn
  log_group        = module.logs.names["worker-${each.key}"]
  prefect_api_url  = module.prefect[0].api_url
  places           = local.places
  size             = each.value.size
  instance_profile = module.iam.instance_profile
  subnets          = module.network.private_subnets
  security_group   = module.network.groups["worker"]
}
module "eks" {
  source     = "./modules/eks"
  count      = var.eks == null ? 0 : 1
  name       = var.name
  subnets    = module.network.private_subnets
  key_arn    = module.keys.here
  buckets    = module.storage.bucket_arns
  reaches    = { database = { group = module.network.groups["database"], port = 5432 }, cache = { group = module.network.groups["cache"], port = 6379 } }
  kubernetes = var.eks.kubernetes
  size = {
    system  = { types = [var.size.gateways.type], min = 2, max = var.size.gateways.max + var.size.cpu_workers.max }
    workers = { types = [for type in var.size.gpu_workers.types : type if !startswith(type, "p")], min = var.size.gpu_workers.min, max = var.size.gpu_workers.max }
  }
}
module "alarms" {
  source          = "./modules/alarms"
  name            = var.name
  endpoints       = var.alarm_endpoints
  key_arn         = module.keys.here
  database        = module.database.identifier
  certificate_arn = var.certificate_arn
  vault           = "${var.name}-nightly"
  budget_usd      = var.budget_usd
  machines        = local.ec2 == 0 ? null : { load_balancer = module.gateway[0].load_balancer, gpu_group = module.workers["gpu"].group }
}
module "backup" {
  source         = "./modules/backup"
  name           = var.name
  key_arn        = module.keys.here
  second_key_arn = module.keys.second
  topic_arn      = module.alarms.topic_arn
  resources      = [module.database.arn, module.storage.models_arn]
  kept_days      = var.backup.kept_days
  lock_days      = var.backup.lock_days
  providers      = { aws = aws, aws.second = aws.second }
}
module "images" {
  source         = "./modules/images"
  count          = var.image_builder ? 1 : 0
  name           = var.name
  subnet         = module.network.private_subnets[0]
  security_group = module.network.groups["worker"]
  topic_arn      = module.alarms.topic_arn
  containers     = { gateway = var.images.gateway, worker_gpu = var.images.worker_gpu }
}
output "address" { value = one(module.gateway[*].address) }
output "prefect_api_url" { value = one(module.prefect[*].api_url) }
output "store" { value = local.places.store }
output "backup" { value = local.places.backup }
output "cluster" { value = one(module.eks[*].cluster) }
output "pods_role" { value = one(module.eks[*].pods_role) }
output "pipelines" { value = one(module.images[*].pipelines) }
