// What clients reach: a Network Load Balancer with a listener for each shard, the same by TLS, and on wish an endpoint
// service for other VPCs, a Global Accelerator, Shield Advanced.
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as elb from "aws-cdk-lib/aws-elasticloadbalancingv2";
import * as targets from "aws-cdk-lib/aws-elasticloadbalancingv2-targets";
import * as accelerator from "aws-cdk-lib/aws-globalaccelerator";
import * as endpoints from "aws-cdk-lib/aws-globalaccelerator-endpoints";
import * as iam from "aws-cdk-lib/aws-iam";
import * as s3 from "aws-cdk-lib/aws-s3";
import * as shield from "aws-cdk-lib/aws-shield";
import { Duration } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Network } from "./network.js";
import { HEALTH_PORT, listenerPort, ORDER_PORT, Parameters, Shard, tlsListenerPort } from "./parameters.js";

export class Edge extends Construct {
    readonly balancer: elb.NetworkLoadBalancer;
    readonly targetGroups = new Map<number, elb.NetworkTargetGroup>();

    constructor(scope: Construct, id: string, p: Parameters, network: Network, logs: s3.Bucket,
                addresses: Map<number, string>) {
        super(scope, id);
        this.balancer = new elb.NetworkLoadBalancer(this, "Balancer", {
            loadBalancerName: p.name,
            vpc: network.vpc,
            vpcSubnets: { subnetGroupName: "edge" },
            internetFacing: true,
            crossZoneEnabled: true, // a shard lives in one zone, its clients enter by any
            deletionProtection: true,
            securityGroups: [network.balancerGroup],
        });
        this.balancer.logAccessLogs(logs, "balancer");
        for (const shard of p.shards) this.shard(p, shard, network, addresses.get(shard.number)!);
        if (p.privateLinkPrincipals.length > 0) this.privateLink(p);
        if (p.globalAccelerator) this.accelerate(p);
        if (p.shieldAdvanced)
            new shield.CfnProtection(this, "Shield", { name: p.name, resourceArn: this.balancer.loadBalancerArn });
    }

    private shard(p: Parameters, shard: Shard, network: Network, address: string) {
        const group = new elb.NetworkTargetGroup(this, `Shard${shard.number}`, {
            vpc: network.vpc,
            protocol: elb.Protocol.TCP,
            port: ORDER_PORT,
            targetType: elb.TargetType.IP, // an instance target would be the first interface, which is the kernel's
            targets: [new targets.IpTarget(address, ORDER_PORT, shard.zone)],
            preserveClientIp: p.clientAddresses === "preserve",
            proxyProtocolV2: p.clientAddresses === "proxy",
            deregistrationDelay: Duration.seconds(300),
            connectionTermination: false, // the venue ends its sessions itself: it drains
            healthCheck: {
                protocol: elb.Protocol.TCP,
                port: String(HEALTH_PORT), // goes away first when the venue drains
                interval: Duration.seconds(10),
                healthyThresholdCount: 2,
                unhealthyThresholdCount: 2,
            },
        });
        this.targetGroups.set(shard.number, group);
        this.balancer.addListener(`Orders${shard.number}`, {
            port: listenerPort(shard), protocol: elb.Protocol.TCP, defaultTargetGroups: [group],
            tcpIdleTimeout: Duration.seconds(6000) });
        if (p.certificateArn)
            this.balancer.addListener(`TlsOrders${shard.number}`, {
                port: tlsListenerPort(shard), protocol: elb.Protocol.TLS, defaultTargetGroups: [group],
                certificates: [elb.ListenerCertificate.fromArn(p.certificateArn)],
                sslPolicy: elb.SslPolicy.TLS13_RES });
    }

    private privateLink(p: Parameters) {
        new ec2.VpcEndpointService(this, "PrivateLink", {
            vpcEndpointServiceLoadBalancers: [this.balancer],
            acceptanceRequired: true,
            allowedPrincipals: p.privateLinkPrincipals.map((arn) => new iam.ArnPrincipal(arn)),
        });
    }

    private accelerate(p: Parameters) {
        const front = new accelerator.Accelerator(this, "Accelerator", { acceleratorName: p.name });
        for (const shard of p.shards)
            front.addListener(`Orders${shard.number}`, { portRanges: [{ fromPort: listenerPort(shard) }] })
                .addEndpointGroup("Region", { region: p.region, endpoints: [
                    new endpoints.NetworkLoadBalancerEndpoint(this.balancer, { preserveClientIp: true })] });
    }
}
