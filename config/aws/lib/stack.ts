// The whole deployment: network, data, one instance for each shard, the edge, the watch.
import * as kms from "aws-cdk-lib/aws-kms";
import * as iam from "aws-cdk-lib/aws-iam";
import * as sns from "aws-cdk-lib/aws-sns";
import * as subscriptions from "aws-cdk-lib/aws-sns-subscriptions";
import { CfnOutput, RemovalPolicy, Stack, StackProps } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Data } from "./data.js";
import { Edge } from "./edge.js";
import { Network } from "./network.js";
import { Parameters } from "./parameters.js";
import { ShardInstance } from "./shard.js";
import { Watch } from "./watch.js";

export class WirebookStack extends Stack {
    readonly data: Data;

    constructor(scope: Construct, id: string, p: Parameters, props?: StackProps) {
        super(scope, id, { ...props, env: { account: p.account, region: p.region }, terminationProtection: true });
        const key = new kms.Key(this, "Key", { alias: p.name, enableKeyRotation: true,
                                               removalPolicy: RemovalPolicy.RETAIN });
        key.grantEncryptDecrypt(new iam.ServicePrincipal(`logs.${p.region}.amazonaws.com`));
        launchWith(key, `arn:${this.partition}:iam::${p.account}:role/aws-service-role/autoscaling.amazonaws.com/` +
                        "AWSServiceRoleForAutoScaling");
        const network = new Network(this, "Network", p, key);
        this.data = new Data(this, "Data", p, network, key);
        const data = this.data;
        const topic = this.alarmTopic(p, key);
        const shards = new Map(p.shards.map((s) =>
            [s.number, new ShardInstance(this, `Shard${s.number}`, p, s, network, data, topic, key)]));
        const addresses = new Map([...shards].map(([n, s]) => [n, s.address]));
        const edge = new Edge(this, "Edge", p, network, data.accessLogs, addresses);
        new Watch(this, "Watch", p, data, edge, shards, topic, key);
        new CfnOutput(this, "Symbols", { description: "which shard trades what",
                                         value: p.shards.map((s) => `${s.number}=${s.symbols}`).join(" ") });
        new CfnOutput(this, "Address", { description: "clients connect here, port 9000 + shard",
                                         value: edge.balancer.loadBalancerDnsName });
    }

    // Whoever must know: alarms, and each start and end of an instance.
    private alarmTopic(p: Parameters, key: kms.Key) {
        for (const service of ["cloudwatch", "autoscaling", "events"])
            key.grantEncryptDecrypt(new iam.ServicePrincipal(`${service}.amazonaws.com`));
        const topic = new sns.Topic(this, "Alarms", { masterKey: key, enforceSSL: true });
        topic.addSubscription(new subscriptions.EmailSubscription(p.alarmEmail));
        return topic;
    }
}

// The group starts instances whose disks are encrypted with our key: its own role may use that, and nobody else's policy says so.
function launchWith(key: kms.Key, role: string) {
    const principals = [new iam.ArnPrincipal(role)];
    key.addToResourcePolicy(new iam.PolicyStatement({ sid: "DisksOfTheGroup", principals, resources: ["*"], actions: [
        "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"] }));
    key.addToResourcePolicy(new iam.PolicyStatement({ sid: "GrantsForDisksOfTheGroup", principals, resources: ["*"],
        actions: ["kms:CreateGrant"], conditions: { Bool: { "kms:GrantIsForAWSResource": "true" } } }));
}
