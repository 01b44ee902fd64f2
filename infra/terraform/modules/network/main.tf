variable "name" { type = string }
data "aws_availability_zones" "here" { state = "available" }
locals {
  zones = slice(data.aws_availability_zones.here.names, 0, 2)
}
resource "aws_vpc" "this" {
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}
resource "aws_default_security_group" "closed" { vpc_id = aws_vpc.this.id }
resource "aws_subnet" "public" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index)
}
resource "aws_subnet" "private" {
  count             = 2
  vpc_id            = aws_vpc.this.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(aws_vpc.this.cidr_block, 8, count.index + 10)
}
resource "aws_internet_gateway" "this" { vpc_id = aws_vpc.this.id }
resource "aws_eip" "nat" { domain = "vpc" }
resource "aws_nat_gateway" "this" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public[0].id
}
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.this.id
  }
}
resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}
resource "aws_route_table_association" "private" {
  count          = 2
  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}
resource "aws_security_group" "each" {
  for_each    = toset(["balancer", "gateway", "prefect-balancer", "prefect", "worker", "database", "cache"])
  name        = "${var.name}-${each.key}"
  description = "Of the ${each.key}"
  vpc_id      = aws_vpc.this.id
}
resource "aws_vpc_security_group_ingress_rule" "https" {
  security_group_id = aws_security_group.each["balancer"].id
  description       = "Callers"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
locals { # who may call whom, and where
  calls = {
    balancer-gateway = { from = "balancer", to = "gateway", port = 8005 }
    worker-balancer  = { from = "worker", to = "prefect-balancer", port = 4200 }
    gateway-balancer = { from = "gateway", to = "prefect-balancer", port = 4200 }
    scaler-balancer  = { from = "prefect", to = "prefect-balancer", port = 4200 }
    balancer-prefect = { from = "prefect-balancer", to = "prefect", port = 4200 }
    gateway-database = { from = "gateway", to = "database", port = 5432 }
    prefect-database = { from = "prefect", to = "database", port = 5432 }
    gateway-cache    = { from = "gateway", to = "cache", port = 6379 }
    prefect-cache    = { from = "prefect", to = "cache", port = 6379 }
  }
}
resource "aws_vpc_security_group_ingress_rule" "inside" {
  for_each                     = local.calls
  security_group_id            = aws_security_group.each[each.value.to].id
  referenced_security_group_id = aws_security_group.each[each.value.from].id
  description                  = each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}
resource "aws_vpc_security_group_egress_rule" "out" {
  for_each          = toset(["balancer", "gateway", "prefect-balancer", "prefect", "worker"])
  security_group_id = aws_security_group.each[each.key].id
  description       = "Anywhere"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
# Models and results go this way and not through the NAT gateway, which is paid by the gigabyte.
data "aws_region" "here" {}
resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${data.aws_region.here.name}.s3"
  route_table_ids = [aws_route_table.private.id]
}
output "vpc" { value = aws_vpc.this.id }
output "public_subnets" { value = aws_subnet.public[*].id }
output "private_subnets" { value = aws_subnet.private[*].id }
output "groups" { value = { for name, group in aws_security_group.each : name => group.id } }
