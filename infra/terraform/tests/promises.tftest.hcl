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
}
mock_provider "aws" {
  alias = "second"
  mock_resource "aws_s3_bucket" { defaults = { arn = "arn:aws:s3:::y" } }
}
variables {
  region          = "eu-west-1"
  second_region   = "eu-central-1"
  name            = "avatar-test"
  certificate_arn = "arn:aws:acm:eu-west-1:111122223333:certificate/1"
  secret_arn      = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:avatar"
  images          = { gateway = "r/avatar-gateway:1", worker_gpu = "r/avatar-worker-gpu:1" }
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
run "workers" {
  command = plan
  module { source = "./modules/workers" }
  variables {
    image            = "r/w:1"
    ami              = "ami-00000000000000002"
    size             = var.size.workers
    instance_profile = "arn:aws:iam::111122223333:instance-profile/x"
    subnets          = ["a"]
    security_group   = "sg-1"
  }
  assert {
    condition     = aws_launch_template.this.metadata_options[0].http_tokens == "required"
    error_message = "IMDSv2 only"
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
  assert {
    condition     = startswith(output.store, "s3://") && endswith(output.store, "/store")
    error_message = "the parts fit together"
  }
}
