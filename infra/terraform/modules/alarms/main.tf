# What pages people: CloudWatch and the budget -> one topic -> PagerDuty, Opsgenie.
variable "name" { type = string }
variable "endpoints" { type = list(string) }
variable "key_arn" { type = string }
variable "database" { type = string }
variable "certificate_arn" { type = string }
variable "vault" { type = string }
variable "budget_usd" { type = number }
variable "machines" {
  type        = object({ load_balancer = string, gpu_group = string })
  nullable    = true
  description = "What runs on EC2; null where Kubernetes runs it."
}
resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.key_arn
}
data "aws_caller_identity" "me" {}
resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com", "backup.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.me.account_id } }
    }]
  })
}
resource "aws_sns_topic_subscription" "each" {
  for_each  = toset(var.endpoints)
  topic_arn = aws_sns_topic.this.arn
  protocol  = "https"
  endpoint  = each.value
}
locals {
  always = {
    database-full    = { runbook = "databasefull", namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database }, above = false, threshold = 5000000000, period = 60, times = 5, missing = "missing" }
    certificate-ends = { runbook = "certificateends", namespace = "AWS/CertificateManager", metric = "DaysToExpiry", dimensions = { CertificateArn = var.certificate_arn }, above = false, threshold = 14, period = 86400, times = 1, missing = "missing" }
  }
  on_ec2 = var.machines == null ? {} : {
    queue-long     = { runbook = "queuelong", namespace = "Avatar", metric = "avatar_pool_waiting_runs", dimensions = { pool = "gpu" }, above = true, threshold = 50, period = 60, times = 5, missing = "missing" }
    queue-unseen   = { runbook = "queueunseen", namespace = "Avatar", metric = "avatar_pool_up", dimensions = { pool = "gpu" }, above = false, threshold = 1, period = 60, times = 5, missing = "breaching" }
    gpu-memory     = { runbook = "gpumemoryfull", namespace = "Avatar", metric = "nvidia_smi_memory_used", dimensions = { AutoScalingGroupName = var.machines.gpu_group }, above = true, threshold = 7680, period = 60, times = 5, missing = "notBreaching" }
    gateway-errors = { runbook = "gatewayerrors", namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = { LoadBalancer = var.machines.load_balancer }, above = true, threshold = 20, period = 60, times = 5, missing = "notBreaching" }
  }
  # A number that only means something beside another: fires above 0.
  reckoned = merge({
    backup-missing = { runbook = "backupmissing", expression = "IF(FILL(m1, 0) < 1, 1, 0)", period = 86400, times = 2, missing = "breaching", of = [{ namespace = "AWS/Backup", metric = "NumberOfBackupJobsCompleted", dimensions = { BackupVaultName = var.vault }, statistic = "Sum" }] }
    }, var.machines == null ? {} : {
    no-workers     = { runbook = "workerdead", expression = "IF(m1 > 0 AND FILL(m2, 0) < 1, 1, 0)", period = 60, times = 10, missing = "notBreaching", of = [{ namespace = "Avatar", metric = "avatar_pool_waiting_runs", dimensions = { pool = "gpu" }, statistic = "Maximum" }, { namespace = "AWS/AutoScaling", metric = "GroupInServiceInstances", dimensions = { AutoScalingGroupName = var.machines.gpu_group }, statistic = "Maximum" }] }
    worker-dead    = { runbook = "workerdead", expression = "m1 - m2", period = 60, times = 5, missing = "notBreaching", of = [{ namespace = "Avatar", metric = "avatar_worker_slots", dimensions = { job = "worker" }, statistic = "Average" }, { namespace = "Avatar", metric = "avatar_worker_children", dimensions = { job = "worker" }, statistic = "Average" }] }
    models-unsaved = { runbook = "backupmissing", expression = "IF(EPOCH(m1) - m1 > 129600, 1, 0)", period = 3600, times = 1, missing = "notBreaching", of = [{ namespace = "Avatar", metric = "avatar_pool_last_backup_timestamp_seconds", dimensions = { job = "queue-gpu" }, statistic = "Maximum" }] }
  })
}
resource "aws_cloudwatch_metric_alarm" "each" {
  for_each            = merge(local.always, local.on_ec2)
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "docs/runbooks.md#${each.value.runbook}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.above ? "Maximum" : "Minimum"
  period              = each.value.period
  evaluation_periods  = each.value.times
  comparison_operator = each.value.above ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}
resource "aws_cloudwatch_metric_alarm" "reckoned" {
  for_each            = local.reckoned
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "docs/runbooks.md#${each.value.runbook}"
  evaluation_periods  = each.value.times
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
  metric_query {
    id          = "wrong"
    expression  = each.value.expression
    label       = each.key
    return_data = true
  }
  dynamic "metric_query" {
    for_each = each.value.of
    content {
      id = "m${metric_query.key + 1}"
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        period      = each.value.period
        stat        = metric_query.value.statistic
      }
    }
  }
}
resource "aws_budgets_budget" "month" {
  name         = "${var.name}-month"
  budget_type  = "COST"
  limit_amount = tostring(var.budget_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  cost_filter {
    name   = "TagKeyValue"
    values = ["user:project$avatar"]
  }
  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [aws_sns_topic.this.arn]
    }
  }
}
output "topic_arn" { value = aws_sns_topic.this.arn }
