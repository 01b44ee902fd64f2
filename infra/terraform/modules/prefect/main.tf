# Prefect's server with its services, and the autoscaler of each pool: one machine, replaced when it is ill.
variable "name" { type = string }
variable "image" { type = string }
variable "ami" { type = string }
variable "type" { type = string }
variable "secret_arn" { type = string }
variable "log_group" { type = string }
variable "instance_profile" { type = string }
variable "vpc" { type = string }
variable "subnets" { type = list(string) }
variable "groups" { type = object({ balancer = string, machine = string }) }
variable "pools" {
  type        = map(object({ group = string, hook = string, min = number, max = number }))
  description = "What the autoscaler scales, by work pool."
}
variable "users" { type = number }
locals {
  ports = { for index, pool in keys(var.pools) : pool => 9095 + index }
  scalers = {
    for pool, scaled in var.pools : "queue-${pool}" => {
      image        = var.image
      command      = "python -m infra.autoscaler"
      metrics_port = local.ports[pool]
      options = join(" ", [
        "-e PREFECT_API_URL=http://${aws_lb.this.dns_name}:4200/api",
        "-e AVATAR_SCALE_POOL=${pool} -e AVATAR_SCALE_GROUP=${scaled.group} -e AVATAR_SCALE_HOOK=${scaled.hook}",
        "-e AVATAR_SCALE_AT_LEAST=${scaled.min} -e AVATAR_SCALE_AT_MOST=${scaled.max} -e AVATAR_SCALE_USERS=${var.users}",
        "-e AVATAR_SCALE_HOST=0.0.0.0 -e AVATAR_SCALE_PORT=${local.ports[pool]}",
      ])
    }
  }
}
resource "aws_lb" "this" {
  #checkov:skip=CKV2_AWS_20:inside the network: see the listener
  #checkov:skip=CKV_AWS_150:it holds nothing, and is made again in a minute
  name                       = "${var.name}-prefect"
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.subnets
  security_groups            = [var.groups.balancer]
  drop_invalid_header_fields = true
  idle_timeout               = 300 # workers listen to events on one connection
}
resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:inside the network, between two closed groups, behind Prefect's password
  name                 = "${var.name}-prefect"
  port                 = 4200
  protocol             = "HTTP"
  vpc_id               = var.vpc
  deregistration_delay = 10
  health_check { path = "/api/health" }
}
resource "aws_lb_listener" "http" {
  #checkov:skip=CKV_AWS_2:the same
  #checkov:skip=CKV_AWS_103:the same
  load_balancer_arn = aws_lb.this.arn
  port              = 4200
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}
module "start" {
  source           = "../start"
  name             = "${var.name}-prefect"
  ami              = var.ami
  type             = var.type
  security_group   = var.groups.machine
  instance_profile = var.instance_profile
  secret_arn       = var.secret_arn
  log_group        = var.log_group
  services = merge(local.scalers, {
    prefect = { image = var.image, options = "-p 4200:4200", command = "prefect server start --host 0.0.0.0" }
  })
}
resource "aws_autoscaling_group" "this" {
  name                = "${var.name}-prefect"
  min_size            = 1
  max_size            = 1 # two would both run Prefect's services
  vpc_zone_identifier = var.subnets
  target_group_arns   = [aws_lb_target_group.this.arn]
  health_check_type   = "ELB"
  launch_template {
    id      = module.start.template
    version = "$Latest"
  }
}
output "api_url" { value = "http://${aws_lb.this.dns_name}:4200/api" }
output "group" { value = aws_autoscaling_group.this.name }
