"""Starts of a cluster that EMR refuses, in networks that are as Terraform makes them, or almost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from emr.terraform import summary
from tests.emr import moto_network
from tests.emr.moto_network import needed_objects, service_of_release_8
from tests.emr.tools import PRIMARY, REGION, WORKER, fleet

RELEASES = ("emr-7.14.0", "emr-spark-8.1.0")


@dataclass
class Network:
    """A private subnet with what a release needs of it."""

    ec2: Any
    vpc: str
    subnet: str
    zone: str
    nodes: str
    service: str

    def start(self, release: str, *workers: str) -> dict[str, Any]:
        """A cluster's status after EMR was asked to start it."""
        core = fleet("CORE", WORKER, 2)
        core["InstanceTypeConfigs"] = [{"InstanceType": each} for each in workers or (WORKER,)]
        emr = boto3.client("emr", region_name=REGION)
        cluster = emr.run_job_flow(
            Name="starts",
            ReleaseLabel=release,
            Instances={
                "KeepJobFlowAliveWhenNoSteps": True,
                "Ec2SubnetId": self.subnet,
                "EmrManagedMasterSecurityGroup": self.nodes,
                "EmrManagedSlaveSecurityGroup": self.nodes,
                "ServiceAccessSecurityGroup": self.service,
                "InstanceFleets": [fleet("MASTER", PRIMARY, 1), core],
            },
        )["JobFlowId"]
        return dict(emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"])

    def reason(self, release: str, *workers: str) -> str:
        status = self.start(release, *workers)
        assert status["State"] == "TERMINATED_WITH_ERRORS"
        return str(status["StateChangeReason"]["Message"])

    def open(self, direction: str, group: str, port: int, other: str | None = None) -> None:
        permission: dict[str, Any] = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        if other:
            permission["UserIdGroupPairs"] = [{"GroupId": other}]
        else:
            permission["IpRanges"] = [{"CidrIp": "10.71.0.0/16"}]
        authorize = getattr(self.ec2, f"authorize_security_group_{direction}")
        authorize(GroupId=group, IpPermissions=[permission])

    def for_release_7(self) -> None:
        self.open("ingress", self.service, 9443, self.nodes)
        self.open("egress", self.service, 8443, self.nodes)
        self.open("ingress", self.nodes, 8443, self.service)
        self.open("egress", self.nodes, 9443, self.service)

    def endpoint(self, *, private_dns: bool = True) -> None:
        self.ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName=service_of_release_8(REGION),
            VpcEndpointType="Interface",
            PrivateDnsEnabled=private_dns,
            SubnetIds=[self.subnet],
            SecurityGroupIds=[self.service],
        )

    def s3_endpoint(self, policy: dict[str, Any]) -> None:
        self.ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcEndpointType="Gateway",
            PolicyDocument=json.dumps(policy),
        )


@pytest.fixture
def network(endpoint: str) -> Iterator[Network]:
    ec2 = boto3.client("ec2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.71.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.71.0.0/20")["Subnet"]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("nodes", "service")
    ]
    for group in groups:  # which has no rules but those that are made here
        found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=found["IpPermissionsEgress"])
    yield Network(ec2, vpc, subnet["SubnetId"], subnet["AvailabilityZone"], *groups)
    moto_network.without_capacity.clear()


def test_release_7_starts_with_the_ports_it_calls_and_is_called_on(network: Network) -> None:
    network.for_release_7()
    assert network.start("emr-7.14.0")["State"] == "WAITING"


def test_release_7_does_not_start_without_them(network: Network) -> None:
    assert "no ingress rule for port 9443" in network.reason("emr-7.14.0")


def test_release_8_does_not_start_with_what_release_7_needs(network: Network) -> None:
    network.for_release_7()
    assert "The VPC has no endpoint for aws.api.us-east-1.emr-service-cell01" in network.reason(
        "emr-spark-8.1.0"
    )


def test_release_8_starts_with_its_endpoint_and_port_443(network: Network) -> None:
    network.endpoint()
    assert "does not let the VPC in on port 443" in network.reason("emr-spark-8.1.0")
    network.open("ingress", network.service, 443)
    assert "does not let them out to the service on port 443" in network.reason("emr-spark-8.1.0")
    network.open("egress", network.nodes, 443, network.service)
    assert network.start("emr-spark-8.1.0")["State"] == "WAITING"


def test_an_endpoint_without_private_dns_is_none(network: Network) -> None:
    network.endpoint(private_dns=False)
    assert "The VPC has no endpoint for" in network.reason("emr-spark-8.1.0")


@pytest.mark.parametrize("release", RELEASES)
def test_an_endpoint_policy_lets_aws_s_own_buckets_pass(network: Network, release: str) -> None:
    network.s3_endpoint(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": "arn:aws:s3:::ours/*",
            },
        }
    )
    said = network.reason(release)
    assert "does not allow s3:GetObject on arn:aws:s3:::al2023-repos-us-east-1-de612dc2/" in said


def test_aws_s_buckets_have_other_names_in_some_regions() -> None:
    there = {arn for _, arn in needed_objects("us-east-1", True)}
    assert "arn:aws:s3:::aws157-logs-prod/a" in there
    sydney = {arn for _, arn in needed_objects("ap-southeast-2", True)}
    assert "arn:aws:s3:::aws157-logs-prod-ap-southeast-2/a" in sydney
    assert "arn:aws:s3:::aws157-instance-data-bucket-0-prod-ap-southeast-2/a" in sydney
    assert not [arn for _, arn in needed_objects("us-east-1", False) if "instance-data" in arn]


def test_a_relative_stands_in_for_a_type_without_capacity(network: Network) -> None:
    network.for_release_7()
    moto_network.without_capacity.add((network.zone, WORKER))
    said = network.reason("emr-7.14.0")
    assert f"InsufficientInstanceCapacity for {WORKER} in {network.zone}" in said
    assert "set zone to another one, or worker_alternatives" in summary(
        f"Error: waiting for EMR Cluster create: {said}\n"
    )
    assert network.start("emr-7.14.0", WORKER, "m6i.2xlarge")["State"] == "WAITING"
