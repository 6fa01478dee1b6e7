// Where everything lives: a VPC over the zones, with the ways out that an instance without a public address needs.
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as kms from "aws-cdk-lib/aws-kms";
import * as logs from "aws-cdk-lib/aws-logs";
import { RemovalPolicy } from "aws-cdk-lib";
import { Construct } from "constructs";
import { HEALTH_PORT, ORDER_PORT, Parameters } from "./parameters.js";

export class Network extends Construct {
    readonly vpc: ec2.Vpc;
    readonly balancerGroup: ec2.SecurityGroup; // of the load balancers
    readonly venueGroup: ec2.SecurityGroup; // of the shards
    readonly dataGroup: ec2.SecurityGroup; // of the databases

    constructor(scope: Construct, id: string, p: Parameters, key: kms.IKey) {
        super(scope, id);
        this.vpc = new ec2.Vpc(this, "Vpc", {
            vpcName: p.name,
            ipAddresses: ec2.IpAddresses.cidr(p.cidr),
            availabilityZones: p.zones,
            natGateways: p.zones.length, // a zone's loss must not take another zone's way out
            subnetConfiguration: [
                { name: "edge", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 26, mapPublicIpOnLaunch: false },
                { name: "venue", subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
                { name: "data", subnetType: ec2.SubnetType.PRIVATE_ISOLATED, cidrMask: 26 },
            ],
        });
        this.flowLogs(key);
        this.balancerGroup = this.group("Balancer", "clients to the load balancer");
        this.venueGroup = this.group("Venue", "the shards");
        this.dataGroup = this.group("Data", "Aurora and ElastiCache");
        this.rules(p);
        this.endpoints(p);
    }

    private flowLogs(key: kms.IKey) {
        const group = new logs.LogGroup(this, "FlowLog", {
            retention: logs.RetentionDays.ONE_YEAR,
            encryptionKey: key,
            removalPolicy: RemovalPolicy.RETAIN,
        });
        this.vpc.addFlowLog("All", { destination: ec2.FlowLogDestination.toCloudWatchLogs(group) });
    }

    // What a shard talks to besides clients stays inside AWS.
    private endpoints(p: Parameters) {
        const group = this.group("Endpoint", "AWS services inside the VPC");
        group.addIngressRule(ec2.Peer.ipv4(p.cidr), ec2.Port.tcp(443), "the VPC");
        this.vpc.addGatewayEndpoint("S3", { service: ec2.GatewayVpcEndpointAwsService.S3 });
        const services = {
            Secrets: ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
            Ec2: ec2.InterfaceVpcEndpointAwsService.EC2,
            Logs: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
            Monitoring: ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_MONITORING,
            Ssm: ec2.InterfaceVpcEndpointAwsService.SSM,
            SsmMessages: ec2.InterfaceVpcEndpointAwsService.SSM_MESSAGES,
        };
        for (const [name, service] of Object.entries(services)) this.vpc.addInterfaceEndpoint(name, { service, securityGroups: [group], open: false });
    }

    private group(name: string, description: string) {
        return new ec2.SecurityGroup(this, `${name}Group`, { vpc: this.vpc, description, allowAllOutbound: false });
    }

    private rules(p: Parameters) {
        const { balancerGroup: balancer, venueGroup: venue, dataGroup: data } = this;
        for (const shard of p.shards)
            for (const cidr of p.clientCidrs)
                for (const base of p.certificateArn ? [9000, 9500] : [9000])
                    balancer.addIngressRule(
                        ec2.Peer.ipv4(cidr), ec2.Port.tcp(base + shard.number), `clients of shard ${shard.number}`);
        for (const port of [ORDER_PORT, HEALTH_PORT]) {
            balancer.addEgressRule(venue, ec2.Port.tcp(port), "to the shards");
            venue.addIngressRule(balancer, ec2.Port.tcp(port), "from the load balancer");
        }
        if (p.clientAddresses === "preserve") // then the packets carry the clients' own addresses
            for (const cidr of p.clientCidrs)
                venue.addIngressRule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(ORDER_PORT), "clients, address preserved");
        venue.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), "AWS services and package mirrors");
        venue.addEgressRule(ec2.Peer.ipv4("169.254.169.123/32"), ec2.Port.udp(123), "the hypervisor's clock");
        for (const port of [5432, 6379]) {
            venue.addEgressRule(data, ec2.Port.tcp(port), "exports");
            data.addIngressRule(venue, ec2.Port.tcp(port), "exports of the shards");
        }
    }
}
