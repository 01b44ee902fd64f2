variable "name" { type = string }
variable "endpoints" { type = list(string) }
variable "worker_group" { type = string }
variable "database" { type = string }
variable "load_balancer" { type = string }
resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = "alias/aws/sns"
}
resource "aws_sns_topic_subscription" "each" {
  for_each  = toset(var.endpoints)
  topic_arn = aws_sns_topic.this.arn
  protocol  = "https"
  endpoint  = each.value
}
locals {
  alarms = {
    queue-over-50  = { namespace = "Avatar", metric = "avatar_pool_waiting_runs", dimensions = { pool = "gpu" }, above = true, threshold = 50 }
    no-workers     = { namespace = "AWS/AutoScaling", metric = "GroupInServiceInstances", dimensions = { AutoScalingGroupName = var.worker_group }, above = false, threshold = 1 }
    database-full  = { namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database }, above = false, threshold = 5000000000 }
    gateway-errors = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = { LoadBalancer = var.load_balancer }, above = true, threshold = 20 }
  }
}
resource "aws_cloudwatch_metric_alarm" "each" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.above ? "Maximum" : "Minimum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = each.value.above ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}
