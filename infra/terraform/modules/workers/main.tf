# Workers of one pool: spot machines above a base on demand, drained before they go.
variable "name" { type = string }
variable "pool" {
  type        = string
  description = "Prefect's work pool: cpu or gpu."
}
variable "image" { type = string }
variable "ami" { type = string }
variable "secret_arn" { type = string }
variable "log_group" { type = string }
variable "prefect_api_url" { type = string }
variable "places" { type = object({ store = string, backup = string }) }
variable "size" { type = object({ types = list(string), min = number, max = number, on_demand_base = number, spot_percent = number }) }
variable "instance_profile" { type = string }
variable "subnets" { type = list(string) }
variable "security_group" { type = string }
locals {
  group  = "${var.name}-worker-${var.pool}"
  hook   = "drain"
  gpu    = var.pool == "gpu"
  worker = "python -m infra.autoscaler.drain -- prefect --no-prompt worker start --pool ${var.pool}"
}
module "start" {
  source           = "../start"
  name             = local.group
  ami              = var.ami
  security_group   = var.security_group
  instance_profile = var.instance_profile
  disk_gb          = local.gpu ? 100 : 50
  secret_arn       = var.secret_arn
  log_group        = var.log_group
  gpu              = local.gpu
  services = {
    worker = {
      image        = var.image
      metrics_port = 9100
      options = join(" ", compact([
        local.gpu ? "--gpus all" : "-e AVATAR_WORKER_SLOTS=2",
        "-e PREFECT_API_URL=${var.prefect_api_url} -e AVATAR_SCALE_GROUP=${local.group} -e AVATAR_SCALE_HOOK=${local.hook}",
        "-e AVATAR_STORE=${var.places.store} -e AVATAR_BACKUP=${var.places.backup} -e AVATAR_SEGMENT_DEPLOYMENT=render-segment/gpu",
      ]))
      # The flows are in this image, not in the gateway's: whoever starts brings all that is deployed up to date.
      command = local.gpu ? local.worker : "sh -c \"python -m infra.pools && python -m infra.automations && prefect --no-prompt deploy --all && exec ${local.worker}\""
    }
  }
}
resource "aws_autoscaling_group" "this" {
  name                = local.group
  min_size            = var.size.min
  max_size            = var.size.max
  vpc_zone_identifier = var.subnets
  capacity_rebalance  = true
  enabled_metrics     = ["GroupInServiceInstances", "GroupDesiredCapacity"]
  mixed_instances_policy {
    instances_distribution {
      on_demand_base_capacity                  = var.size.on_demand_base
      on_demand_percentage_above_base_capacity = 100 - var.size.spot_percent
      spot_allocation_strategy                 = "price-capacity-optimized"
    }
    launch_template {
      launch_template_specification {
        launch_template_id = module.start.template
        version            = "$Latest"
      }
      dynamic "override" {
        for_each = var.size.types
        content { instance_type = override.value }
      }
    }
  }
  tag {
    key                 = "project"
    value               = "avatar"
    propagate_at_launch = true
  }
  lifecycle { ignore_changes = [desired_capacity] } # the autoscaler's
}
resource "aws_autoscaling_lifecycle_hook" "drain" {
  name                   = local.hook
  autoscaling_group_name = aws_autoscaling_group.this.name
  lifecycle_transition   = "autoscaling:EC2_INSTANCE_TERMINATING"
  heartbeat_timeout      = 360 # longer than a segment
  default_result         = "CONTINUE"
}
# The autoscaler (`avatar autoscale --group`) sizes each step; these hold where it is away.
resource "aws_autoscaling_policy" "up" {
  name                   = "${local.group}-up"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"
  step_adjustment {
    metric_interval_lower_bound = 0
    metric_interval_upper_bound = 40
    scaling_adjustment          = 1
  }
  step_adjustment {
    metric_interval_lower_bound = 40
    scaling_adjustment          = 4
  }
}
resource "aws_autoscaling_policy" "down" {
  name                   = "${local.group}-down"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "StepScaling"
  adjustment_type        = "ChangeInCapacity"
  step_adjustment {
    metric_interval_upper_bound = 0
    scaling_adjustment          = -1
  }
}
resource "aws_cloudwatch_metric_alarm" "up" {
  alarm_name          = "${local.group}-queue-long"
  namespace           = "Avatar"
  metric_name         = "avatar_pool_waiting_runs"
  dimensions          = { pool = var.pool }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 10
  alarm_actions       = [aws_autoscaling_policy.up.arn]
}
resource "aws_cloudwatch_metric_alarm" "down" {
  alarm_name          = "${local.group}-queue-short"
  namespace           = "Avatar"
  metric_name         = "avatar_pool_waiting_runs"
  dimensions          = { pool = var.pool }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "LessThanThreshold"
  threshold           = 3
  alarm_actions       = [aws_autoscaling_policy.down.arn]
}
output "group" { value = aws_autoscaling_group.this.name }
output "hook" { value = aws_autoscaling_lifecycle_hook.drain.name }
