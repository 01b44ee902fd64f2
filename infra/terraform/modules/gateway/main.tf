variable "name" { type = string }
variable "image" { type = string }
variable "ami" { type = string }
variable "secret_arn" { type = string }
variable "log_group" { type = string }
variable "prefect_api_url" { type = string }
variable "store" { type = string }
variable "size" { type = object({ type = string, min = number, max = number }) }
variable "certificate_arn" { type = string }
variable "instance_profile" { type = string }
variable "vpc" { type = string }
variable "public_subnets" { type = list(string) }
variable "private_subnets" { type = list(string) }
variable "groups" { type = object({ balancer = string, machine = string }) }
resource "aws_lb" "this" {
  name                       = var.name
  load_balancer_type         = "application"
  subnets                    = var.public_subnets
  security_groups            = [var.groups.balancer]
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  idle_timeout               = 120 # events of a video are sent at least so often
}
resource "aws_lb_target_group" "this" {
  name                 = var.name
  port                 = 8005
  protocol             = "HTTP"
  vpc_id               = var.vpc
  deregistration_delay = 30
  health_check { path = "/readyz" }
}
resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}
module "start" {
  source           = "../start"
  name             = "${var.name}-gateway"
  ami              = var.ami
  type             = var.size.type
  security_group   = var.groups.machine
  instance_profile = var.instance_profile
  secret_arn       = var.secret_arn
  log_group        = var.log_group
  services = {
    gateway = { image = var.image, options = "-p 8005:8005 -e AVATAR_HOST=0.0.0.0 -e PREFECT_API_URL=${var.prefect_api_url} -e AVATAR_STORE=${var.store}", command = "avatar serve" }
  }
}
resource "aws_autoscaling_group" "this" {
  name                = "${var.name}-gateway"
  min_size            = var.size.min
  max_size            = var.size.max
  vpc_zone_identifier = var.private_subnets
  target_group_arns   = [aws_lb_target_group.this.arn]
  health_check_type   = "ELB"
  launch_template {
    id      = module.start.template
    version = "$Latest"
  }
}
resource "aws_autoscaling_policy" "cpu" {
  name                   = "cpu"
  autoscaling_group_name = aws_autoscaling_group.this.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    target_value = 60
    predefined_metric_specification { predefined_metric_type = "ASGAverageCPUUtilization" }
  }
}
output "address" { value = aws_lb.this.dns_name }
output "group" { value = aws_autoscaling_group.this.name }
output "load_balancer" { value = aws_lb.this.arn_suffix }
