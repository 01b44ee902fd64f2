# terraform test -var-file=sizes/SIZE.tfvars: against mock providers, nothing is made.
mock_provider "aws" {
  mock_data "aws_availability_zones" { defaults = { names = ["a", "b", "c"] } }
  mock_resource "aws_iam_role" { defaults = { arn = "arn:aws:iam::111122223333:role/x" } }
  mock_resource "aws_iam_instance_profile" { defaults = { arn = "arn:aws:iam::111122223333:instance-profile/x" } }
  mock_resource "aws_s3_bucket" { defaults = { arn = "arn:aws:s3:::x" } }
  mock_resource "aws_lb" { defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/x/1" } }
  mock_resource "aws_lb_target_group" { defaults = { arn = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/x/1" } }
  mock_resource "aws_launch_template" { defaults = { id = "lt-0123456789abcdef0" } }
  mock_resource "aws_autoscaling_policy" { defaults = { arn = "arn:aws:autoscaling:eu-west-1:111122223333:scalingPolicy:1:autoScalingGroupName/x:policyName/x" } }
  mock_resource "aws_sns_topic" { defaults = { arn = "arn:aws:sns:eu-west-1:111122223333:x" } }
  mock_resource "aws_kms_key" { defaults = { arn = "arn:aws:kms:eu-west-1:111122223333:key/1" } }
  mock_resource "aws_backup_vault" { defaults = { arn = "arn:aws:backup:eu-west-1:111122223333:backup-vault:x" } }
  mock_resource "aws_db_instance" { defaults = { arn = "arn:aws:rds:eu-west-1:111122223333:db:x" } }
  mock_resource "aws_cloudwatch_log_group" { defaults = { arn = "arn:aws:logs:eu-west-1:111122223333:log-group:/x/y" } }
  mock_resource "aws_eks_cluster" {
    defaults = {
      arn        = "arn:aws:eks:eu-west-1:111122223333:cluster/x"
      identity   = [{ oidc = [{ issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/1" }] }]
      vpc_config = [{ cluster_security_group_id = "sg-2" }]
    }
  }
  mock_resource "aws_iam_openid_connect_provider" { defaults = { arn = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1" } }
  mock_resource "aws_imagebuilder_component" { defaults = { arn = "arn:aws:imagebuilder:eu-west-1:111122223333:component/x/1.0.0/1" } }
  mock_resource "aws_imagebuilder_image_recipe" { defaults = { arn = "arn:aws:imagebuilder:eu-west-1:111122223333:image-recipe/x/1.0.0" } }
  mock_resource "aws_imagebuilder_infrastructure_configuration" { defaults = { arn = "arn:aws:imagebuilder:eu-west-1:111122223333:infrastructure-configuration/x" } }
  mock_resource "aws_imagebuilder_distribution_configuration" { defaults = { arn = "arn:aws:imagebuilder:eu-west-1:111122223333:distribution-configuration/x" } }
  mock_data "aws_ssm_parameter" { defaults = { value = "ami-00000000000000003" } }
  mock_data "aws_caller_identity" { defaults = { account_id = "111122223333" } }
}
mock_provider "aws" {
  alias = "second"
  mock_resource "aws_s3_bucket" { defaults = { arn = "arn:aws:s3:::y" } }
  mock_resource "aws_kms_key" { defaults = { arn = "arn:aws:kms:eu-central-1:111122223333:key/2" } }
  mock_resource "aws_backup_vault" { defaults = { arn = "arn:aws:backup:eu-central-1:111122223333:backup-vault:y" } }
}
variables {
  region          = "eu-west-1"
  second_region   = "eu-central-1"
  name            = "avatar-test"
  certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1"
  secret_arn      = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:avatar"
  images          = { gateway = "r/avatar-gateway:1", worker_cpu = "r/avatar-worker-cpu:1", worker_gpu = "r/avatar-worker-gpu:1" }
  ami             = { gateway = "ami-00000000000000001", worker_gpu = "ami-00000000000000002" }
}
run "database" {
  command = plan
  module { source = "./modules/database" }
  variables {
    class          = var.size.database_class
    multi_az       = var.size.multi_az
    subnets        = ["a", "b"]
    security_group = "sg-1"
  }
  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted
    error_message = "the database is private and encrypted"
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period >= 7 && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "snapshots are kept"
  }
}
run "storage" {
  command = plan
  module { source = "./modules/storage" }
  assert {
    condition     = length(aws_s3_bucket_server_side_encryption_configuration.each) == length(aws_s3_bucket.each)
    error_message = "every bucket is encrypted"
  }
  assert {
    condition     = alltrue([for block in aws_s3_bucket_public_access_block.each : block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets])
    error_message = "no bucket is public"
  }
  assert {
    condition     = aws_s3_bucket_versioning.models.versioning_configuration[0].status == "Enabled"
    error_message = "models are versioned"
  }
  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.results.rule[0].expiration[0].days == 7 && aws_s3_bucket_lifecycle_configuration.results.rule[0].filter[0].prefix == "store/uploads/"
    error_message = "uploads end after 7 days"
  }
  assert {
    condition     = aws_s3_bucket_replication_configuration.models.rule[0].status == "Enabled"
    error_message = "models are kept in a second region"
  }
}
run "start" {
  command = plan
  module { source = "./modules/start" }
  variables {
    ami              = "ami-00000000000000001"
    security_group   = "sg-1"
    instance_profile = "arn:aws:iam::111122223333:instance-profile/x"
    log_group        = "/x/gateway"
    services         = {}
  }
  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required"
    error_message = "IMDSv2 only"
  }
  assert {
    condition     = aws_launch_template.this.block_device_mappings[0].ebs[0].encrypted == "true"
    error_message = "disks are encrypted"
  }
}
run "workers" {
  command = plan
  module { source = "./modules/workers" }
  variables {
    pool             = "gpu"
    image            = "r/w:1"
    ami              = "ami-00000000000000002"
    log_group        = "/x/worker-gpu"
    prefect_api_url  = "http://prefect:4200/api"
    places           = { store = "s3://x-results/store", backup = "s3://x-models/backup" }
    size             = var.size.gpu_workers
    instance_profile = "arn:aws:iam::111122223333:instance-profile/x"
    subnets          = ["a"]
    security_group   = "sg-1"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.up.threshold == 10 && aws_cloudwatch_metric_alarm.down.threshold == 3 && aws_cloudwatch_metric_alarm.down.evaluation_periods == 5
    error_message = "up above 10, down below 3 for 5 minutes"
  }
  assert {
    condition     = aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_base_capacity == var.size.on_demand_base && aws_autoscaling_group.this.mixed_instances_policy[0].instances_distribution[0].on_demand_percentage_above_base_capacity == 20
    error_message = "spot machines over a base on demand"
  }
  assert {
    condition     = aws_autoscaling_lifecycle_hook.drain.heartbeat_timeout > 300
    error_message = "a segment may end before its machine does"
  }
  assert {
    condition     = aws_autoscaling_group.this.capacity_rebalance
    error_message = "a machine in danger is replaced before it is taken"
  }
  assert {
    condition     = strcontains(module.start.told, "--gpus all") && strcontains(module.start.told, "nvidia_gpu")
    error_message = "the GPU is given to the container, and watched"
  }
}
run "cpu_workers" {
  command = plan
  module { source = "./modules/workers" }
  variables {
    pool             = "cpu"
    image            = "r/w:1"
    ami              = "ami-00000000000000001"
    log_group        = "/x/worker-cpu"
    prefect_api_url  = "http://prefect:4200/api"
    places           = { store = "s3://x-results/store", backup = "s3://x-models/backup" }
    size             = var.size.cpu_workers
    instance_profile = "arn:aws:iam::111122223333:instance-profile/x"
    subnets          = ["a"]
    security_group   = "sg-1"
  }
  assert {
    condition     = strcontains(module.start.told, "infra.automations") && strcontains(module.start.told, "AVATAR_BACKUP=s3://x-models/backup") && !strcontains(module.start.told, "--gpus")
    error_message = "they set Prefect up, know where the backup goes, and ask for no GPU"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.up.dimensions.pool == "cpu" && aws_autoscaling_group.this.min_size >= 1
    error_message = "somebody always takes a video, and scales by its own queue"
  }
}
run "prefect" {
  command = plan
  module { source = "./modules/prefect" }
  variables {
    image            = "r/g:1"
    ami              = "ami-00000000000000001"
    type             = var.size.prefect_type
    log_group        = "/x/prefect"
    instance_profile = "arn:aws:iam::111122223333:instance-profile/x"
    vpc              = "vpc-1"
    subnets          = ["a", "b"]
    groups           = { balancer = "sg-1", machine = "sg-2" }
    users            = var.size.users
    pools            = { cpu = { group = "c", hook = "drain", min = 1, max = 2 }, gpu = { group = "g", hook = "drain", min = 0, max = 4 } }
  }
  assert {
    condition     = aws_lb.this.internal && aws_autoscaling_group.this.max_size == 1 && aws_autoscaling_group.this.health_check_type == "ELB"
    error_message = "Prefect is inside, alone, and replaced when it does not answer"
  }
}
run "backup" {
  command = plan
  module { source = "./modules/backup" }
  variables {
    key_arn        = "arn:aws:kms:eu-west-1:111122223333:key/1"
    second_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/2"
    topic_arn      = "arn:aws:sns:eu-west-1:111122223333:x"
    resources      = ["arn:aws:rds:eu-west-1:111122223333:db:x", "arn:aws:s3:::x"]
    kept_days      = 35
    lock_days      = 7
  }
  assert {
    condition     = alltrue([for rule in aws_backup_plan.nightly.rule : length(rule.copy_action) == 1 && rule.lifecycle[0].delete_after == 35])
    error_message = "each night, kept for 35 days, with a copy elsewhere"
  }
  assert {
    condition     = length(aws_backup_selection.all.resources) == 2
    error_message = "the database and the models"
  }
  assert {
    condition     = aws_backup_vault_lock_configuration.here[0].min_retention_days == 7 && aws_backup_vault_lock_configuration.second[0].min_retention_days == 7
    error_message = "a lock holds in both regions"
  }
  assert {
    condition     = contains(aws_backup_vault_notifications.failed.backup_vault_events, "COPY_JOB_FAILED")
    error_message = "a copy that fails is told of"
  }
}
run "alarms" {
  command = apply
  module { source = "./modules/alarms" }
  variables {
    endpoints  = ["https://events.example.com/x"]
    key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/1"
    database   = "x"
    vault      = "x-nightly"
    budget_usd = 2000
    machines   = { load_balancer = "app/x/1", gpu_group = "x-worker-gpu" }
  }
  assert {
    condition     = toset(concat(keys(aws_cloudwatch_metric_alarm.each), keys(aws_cloudwatch_metric_alarm.reckoned))) == toset(["queue-long", "queue-unseen", "no-workers", "worker-dead", "gpu-memory", "gateway-errors", "database-full", "certificate-ends", "backup-missing", "models-unsaved"])
    error_message = "each has its alarm"
  }
  assert {
    condition     = alltrue([for alarm in merge(aws_cloudwatch_metric_alarm.each, aws_cloudwatch_metric_alarm.reckoned) : length(alarm.alarm_actions) == 1 && length(alarm.ok_actions) == 1])
    error_message = "each tells somebody, and when it is over"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.each["queue-long"].threshold == 50 && aws_cloudwatch_metric_alarm.each["gpu-memory"].threshold == 7680 && aws_cloudwatch_metric_alarm.each["certificate-ends"].threshold == 14
    error_message = "the bars of infra/monitoring/alerts.yaml"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.reckoned["backup-missing"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.each["queue-unseen"].treat_missing_data == "breaching"
    error_message = "silence is no good sign"
  }
  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.key_arn && length(aws_budgets_budget.month.notification) == 2
    error_message = "alarms and the budget may write to the topic"
  }
}
run "eks" {
  command = plan
  module { source = "./modules/eks" }
  variables {
    subnets    = ["a", "b"]
    key_arn    = "arn:aws:kms:eu-west-1:111122223333:key/1"
    buckets    = ["arn:aws:s3:::x"]
    reaches    = { database = { group = "sg-1", port = 5432 } }
    kubernetes = "1.33"
    size       = { system = { types = ["m7i.large"], min = 2, max = 4 }, workers = { types = ["g4dn.xlarge"], min = 0, max = 4 } }
  }
  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access && length(aws_eks_cluster.this.encryption_config) == 1 && length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "a private cluster, with its secrets encrypted and its log kept"
  }
  assert {
    condition     = toset([for taint in aws_eks_node_group.each["gpu"].taint : taint.key]) == toset(["nvidia.com/gpu", "avatar/spot"]) && aws_eks_node_group.each["gpu"].labels["nvidia.com/gpu.present"] == "true"
    error_message = "GPU machines are what infra/kubernetes/base/worker-gpu.yaml tolerates and asks for"
  }
  assert {
    condition     = aws_eks_node_group.each["gpu"].capacity_type == "SPOT" && aws_eks_node_group.each["system"].capacity_type == "ON_DEMAND"
    error_message = "only workers are on spot machines"
  }
  assert {
    condition     = alltrue([for template in aws_launch_template.node : template.metadata_options[0].http_tokens == "required" && template.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "pods cannot take the machine's role"
  }
  assert {
    condition     = strcontains(aws_eks_addon.each["vpc-cni"].configuration_values, "enableNetworkPolicy")
    error_message = "somebody enforces the network policies"
  }
}
run "images" {
  command = plan
  module { source = "./modules/images" }
  variables {
    subnet         = "subnet-1"
    security_group = "sg-1"
    topic_arn      = "arn:aws:sns:eu-west-1:111122223333:x"
    containers     = { gateway = "r/avatar-gateway:1", worker_gpu = "r/avatar-worker-gpu:1" }
  }
  assert {
    condition     = alltrue([for component in aws_imagebuilder_component.each : yamldecode(component.data).schemaVersion == 1])
    error_message = "recipes are YAML"
  }
  assert {
    condition     = strcontains(aws_imagebuilder_component.each["worker_gpu"].data, "nvidia-smi") && !strcontains(aws_imagebuilder_component.each["gateway"].data, "nvidia-smi")
    error_message = "a GPU is asked for where there is one"
  }
  assert {
    condition     = alltrue([for place in aws_imagebuilder_infrastructure_configuration.each : place.instance_metadata_options[0].http_tokens == "required"])
    error_message = "IMDSv2 only, there too"
  }
}
run "network" {
  command = plan
  module { source = "./modules/network" }
  assert {
    condition     = aws_vpc_security_group_ingress_rule.https.from_port == 443 && alltrue([for rule in aws_vpc_security_group_ingress_rule.inside : rule.cidr_ipv4 == null])
    error_message = "only HTTPS comes from outside"
  }
}
run "all" {
  command = apply
  variables { image_builder = true }
  assert {
    condition     = startswith(output.store, "s3://") && endswith(output.store, "/store") && startswith(output.prefect_api_url, "http://") && output.cluster == null
    error_message = "the parts fit together"
  }
}
run "on_kubernetes" {
  command = plan
  variables { eks = { kubernetes = "1.33" } }
  assert {
    condition     = output.address == null && output.prefect_api_url == null && output.cluster == "avatar-test"
    error_message = "a cluster instead of machines"
  }
}
run "a_lock_longer_than_what_is_kept" {
  command = plan
  variables { backup = { kept_days = 7, lock_days = 30 } }
  expect_failures = [var.backup]
}
