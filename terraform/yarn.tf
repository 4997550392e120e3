# What YARN gets of a worker's memory: said once, to YARN and to the one who sizes the executors.

locals {
  # MiB for YARN by GiB of the node: yarn.nodemanager.resource.memory-mb of the current types in
  # "Task configuration" of the EMR Release Guide (types with 192 GiB have 179200 or 181248). A
  # node with a memory in between gets what the next smaller one has.
  yarn_mib_by_gib = {
    8   = 5632
    16  = 11712
    32  = 23424
    64  = 54272
    96  = 85504
    128 = 116736
    192 = 179200
    256 = 241664
    384 = 366592
    512 = 491520
    768 = 741376
  }
  worker_mib = data.aws_ec2_instance_type.worker.memory_size
  yarn_mib   = max(0, [for gib, mib in local.yarn_mib_by_gib : mib if tonumber(gib) * 1024 <= local.worker_mib]...)
}
