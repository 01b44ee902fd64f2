# The other road: a cluster for infra/kubernetes/overlays/eks, instead of the machines of gateway and workers.
variable "name" { type = string }
variable "subnets" { type = list(string) }
variable "key_arn" { type = string }
variable "buckets" { type = list(string) }
variable "reaches" {
  type        = map(object({ group = string, port = number }))
  description = "Groups that pods call, and where."
}
variable "kubernetes" { type = string }
variable "size" {
  type = object({
    system  = object({ types = list(string), min = number, max = number })
    workers = object({ types = list(string), min = number, max = number })
  })
}
locals {
  pools = {
    system = merge(var.size.system, { capacity = "ON_DEMAND", ami = "AL2023_x86_64_STANDARD", disk = 50, taints = {} })
    gpu    = merge(var.size.workers, { capacity = "SPOT", ami = "AL2023_x86_64_NVIDIA", disk = 100, taints = { "nvidia.com/gpu" = "true", "avatar/spot" = "true" } })
  }
  issuer = replace(aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://", "")
}
resource "aws_iam_role" "cluster" {
  name = "${var.name}-cluster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "eks.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}
resource "aws_eks_cluster" "this" {
  name                      = var.name
  role_arn                  = aws_iam_role.cluster.arn
  version                   = var.kubernetes
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  access_config { authentication_mode = "API" }
  vpc_config {
    subnet_ids              = var.subnets
    endpoint_private_access = true
    endpoint_public_access  = false
  }
  encryption_config {
    resources = ["secrets"]
    provider { key_arn = var.key_arn }
  }
  depends_on = [aws_iam_role_policy_attachment.cluster]
}
resource "aws_vpc_security_group_ingress_rule" "pods" {
  for_each                     = var.reaches
  security_group_id            = each.value.group
  referenced_security_group_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  description                  = "Pods, ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}
resource "aws_iam_role" "node" {
  name = "${var.name}-node"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
  })
}
resource "aws_iam_role_policy_attachment" "node" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}
resource "aws_launch_template" "node" {
  for_each    = local.pools
  name_prefix = "${var.name}-${each.key}-"
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods have roles of their own, and nothing to ask of the machine's
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      volume_size = each.value.disk
    }
  }
}
resource "aws_eks_node_group" "each" {
  for_each        = local.pools
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnets
  instance_types  = each.value.types
  capacity_type   = each.value.capacity
  ami_type        = each.value.ami
  labels          = each.key == "gpu" ? { "nvidia.com/gpu.present" = "true" } : {}
  scaling_config {
    min_size     = each.value.min
    max_size     = each.value.max
    desired_size = max(each.value.min, 1)
  }
  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }
  dynamic "taint" {
    for_each = each.value.taints
    content {
      key    = taint.key
      value  = taint.value
      effect = "NO_SCHEDULE"
    }
  }
  lifecycle { ignore_changes = [scaling_config[0].desired_size] } # the cluster's autoscaler's
  depends_on = [aws_iam_role_policy_attachment.node]
}
resource "aws_eks_addon" "each" {
  for_each     = toset(["coredns", "kube-proxy", "vpc-cni", "metrics-server"])
  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
  # policies of infra/kubernetes/base/network.yaml hold only where somebody enforces them
  configuration_values = each.key == "vpc-cni" ? jsonencode({ enableNetworkPolicy = "true" }) : null
  depends_on           = [aws_eks_node_group.each]
}
resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}
# The service account avatar of the namespace avatar, and nobody else.
resource "aws_iam_role" "pods" {
  name = "${var.name}-pods"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = aws_iam_openid_connect_provider.this.arn }
      Condition = { StringEquals = { "${local.issuer}:sub" = "system:serviceaccount:avatar:avatar", "${local.issuer}:aud" = "sts.amazonaws.com" } }
    }]
  })
}
resource "aws_iam_role_policy" "pods" {
  role = aws_iam_role.pods.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = var.buckets },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], Resource = [for arn in var.buckets : "${arn}/*"] },
    ]
  })
}
output "cluster" { value = aws_eks_cluster.this.name }
output "pods_role" { value = aws_iam_role.pods.arn }
