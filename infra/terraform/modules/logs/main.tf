# One JSON object a line, with ids of request, video and flow run: a group for each kind of machine.
variable "name" { type = string }
variable "key_arn" { type = string }
variable "days" { type = number }
resource "aws_cloudwatch_log_group" "each" {
  #checkov:skip=CKV_AWS_338:ids of people's videos: as short as the operator's rules allow (log_days)
  for_each          = toset(["gateway", "prefect", "worker-cpu", "worker-gpu"])
  name              = "/${var.name}/${each.key}"
  retention_in_days = var.days
  kms_key_id        = var.key_arn
}
# By video, over all machines: what `avatar explain` is on one.
resource "aws_cloudwatch_query_definition" "video" {
  name            = "${var.name}/one-video"
  log_group_names = [for group in aws_cloudwatch_log_group.each : group.name]
  query_string    = "fields @timestamp, @logStream, level, message | filter video_id = 'PUT_THE_ID_HERE' | sort @timestamp"
}
output "names" { value = { for name, group in aws_cloudwatch_log_group.each : name => group.name } }
output "arns" { value = [for group in aws_cloudwatch_log_group.each : group.arn] }
