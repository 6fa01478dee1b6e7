// What the deployment promises, held against the synthesised template. Nothing is asked of AWS.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Match, Template } from "aws-cdk-lib/assertions";
import { build } from "../lib/build.js";
import { Parameters, readParameters } from "../lib/parameters.js";
import { userData } from "../lib/user-data.js";

const example = readParameters(new URL("../parameters.json", import.meta.url).pathname);

// Synthesising holds every resource against the rules of lib/nag.ts, too: it throws at the first finding.
function templateOf(change: Partial<Parameters> = {}) {
    const { app, stack } = build({ ...example, ...change }, { outdir: mkdtempSync(join(tmpdir(), "wirebook-aws-")) });
    app.synth();
    return Template.fromStack(stack);
}
const t = templateOf();

test("the template is written for cfn-lint", () => {
    if (process.env.TEMPLATE) writeFileSync(process.env.TEMPLATE, JSON.stringify(t.toJSON()));
});

test("a shard is exactly one instance, in its journal's zone, replaced old before new", () => {
    t.resourceCountIs("AWS::AutoScaling::AutoScalingGroup", 2);
    t.allResourcesProperties("AWS::AutoScaling::AutoScalingGroup", { MinSize: "1", MaxSize: "1" });
    for (const group of Object.values(t.findResources("AWS::AutoScaling::AutoScalingGroup"))) {
        assert.equal(group.Properties.VPCZoneIdentifier.length, 1);
        assert.equal(group.UpdatePolicy.AutoScalingRollingUpdate.MinInstancesInService, 0);
    }
    const zones = Object.values(t.findResources("AWS::EC2::Volume")).map((v) => v.Properties.AvailabilityZone);
    assert.deepEqual(zones.sort(), ["us-east-1a", "us-east-1b"]);
});

test("journals are io2, encrypted, and outlive the stack", () => {
    t.allResources("AWS::EC2::Volume", {
        Properties: { VolumeType: "io2", Encrypted: true, Iops: 16000 }, DeletionPolicy: "Retain" });
});

test("instances may take their own volume and interface, and touch no other", () => {
    for (const n of [1, 2]) {
        const policy = Object.entries(t.findResources("AWS::IAM::Policy")).find(([id]) => id.startsWith(`Shard${n}Role`))![1];
        const text = JSON.stringify(policy);
        assert.match(text, new RegExp(`Shard${n}Journal`));
        assert.doesNotMatch(text, new RegExp(`Shard${3 - n}(Journal|Data)`));
        assert.match(text, new RegExp(`shard-${n}/\\*`));
        assert.doesNotMatch(text, /DeleteObject|s3:\*|ec2:\*|iam:/);
    }
});

test("no instance metadata without a token", () => {
    t.allResourcesProperties("AWS::EC2::LaunchTemplate", {
        LaunchTemplateData: { MetadataOptions: { HttpTokens: "required" } } });
});

test("the balancer aims at the data interface and asks the health port", () => {
    t.resourceCountIs("AWS::ElasticLoadBalancingV2::TargetGroup", 2);
    t.allResourcesProperties("AWS::ElasticLoadBalancingV2::TargetGroup", {
        TargetType: "ip", Protocol: "TCP", Port: 9000, HealthCheckPort: "9100", HealthCheckProtocol: "TCP" });
    const group = JSON.stringify(t.findResources("AWS::ElasticLoadBalancingV2::TargetGroup"));
    assert.match(group, /"preserve_client_ip.enabled","Value":"true"/);
    assert.match(group, /"deregistration_delay.timeout_seconds","Value":"300"/);
    assert.match(group, /PrimaryPrivateIpAddress/);
    for (const port of [9001, 9002]) t.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: port, Protocol: "TCP" });
});

test("proxy protocol, TLS, PrivateLink, accelerator and Shield come when they are asked for", () => {
    t.resourceCountIs("AWS::EC2::VPCEndpointService", 0);
    t.resourceCountIs("AWS::Shield::Protection", 0);
    const all = templateOf({
        clientAddresses: "proxy", privateLinkPrincipals: ["arn:aws:iam::444455556666:root"],
        certificateArn: "arn:aws:acm:us-east-1:111122223333:certificate/x", globalAccelerator: true, shieldAdvanced: true });
    assert.match(JSON.stringify(all.findResources("AWS::ElasticLoadBalancingV2::TargetGroup")),
                 /"proxy_protocol_v2.enabled","Value":"true"/);
    all.hasResourceProperties("AWS::ElasticLoadBalancingV2::Listener", { Port: 9501, Protocol: "TLS" });
    all.hasResourceProperties("AWS::EC2::VPCEndpointService", { AcceptanceRequired: true });
    all.resourceCountIs("AWS::GlobalAccelerator::Listener", 2);
    all.resourceCountIs("AWS::Shield::Protection", 1);
});

test("only the clients' networks get in, and nobody by port 22", () => {
    const text = JSON.stringify([t.findResources("AWS::EC2::SecurityGroup"), t.findResources("AWS::EC2::SecurityGroupIngress")]);
    assert.doesNotMatch(text, /"FromPort":22\b/);
    for (const group of Object.values(t.findResources("AWS::EC2::SecurityGroup")))
        for (const rule of group.Properties.SecurityGroupIngress ?? []) assert.notEqual(rule.CidrIp, "0.0.0.0/0");
});

test("Aurora: two zones, encrypted, kept, TLS only, readers that scale, a secret that rotates", () => {
    t.resourceCountIs("AWS::RDS::DBInstance", 2);
    t.hasResource("AWS::RDS::DBCluster", { DeletionPolicy: "Retain", Properties: {
        StorageEncrypted: true, DeletionProtection: true, BackupRetentionPeriod: 35 } });
    t.hasResourceProperties("AWS::RDS::DBClusterParameterGroup", { Parameters: { "rds.force_ssl": "1" } });
    t.hasResourceProperties("AWS::ApplicationAutoScaling::ScalableTarget", {
        ScalableDimension: "rds:cluster:ReadReplicaCount", MinCapacity: 1, MaxCapacity: 4 });
    t.resourceCountIs("AWS::SecretsManager::RotationSchedule", 2); // and the one of Redis
});

test("Redis fails over, over TLS, with AUTH", () => {
    t.hasResourceProperties("AWS::ElastiCache::ReplicationGroup", {
        AutomaticFailoverEnabled: true, MultiAZEnabled: true, TransitEncryptionMode: "required",
        AuthToken: Match.anyValue(), ReplicasPerNodeGroup: 2 });
});

test("the archive is write-once for as long as the rules ask", () => {
    t.hasResourceProperties("AWS::S3::Bucket", { ObjectLockConfiguration: {
        Rule: { DefaultRetention: { Mode: "COMPLIANCE", Days: 7 * 365 } } } });
    for (const bucket of Object.values(t.findResources("AWS::S3::Bucket")))
        assert.equal(bucket.Properties.PublicAccessBlockConfiguration.BlockPublicAcls, true);
});

test("everything is watched: flow logs, CloudTrail, alarms for each shard, somebody who hears them", () => {
    t.resourceCountIs("AWS::EC2::FlowLog", 1);
    t.hasResourceProperties("AWS::CloudTrail::Trail", { EnableLogFileValidation: true, IsMultiRegionTrail: true });
    for (const n of ["1", "2"])
        t.hasResourceProperties("AWS::CloudWatch::Alarm", {
            MetricName: "wirebook_ready", Dimensions: [{ Name: "shard", Value: n }], TreatMissingData: "breaching" });
    for (const alarm of Object.values(t.findResources("AWS::CloudWatch::Alarm")))
        assert.equal(alarm.Properties.AlarmActions.length, 1);
    t.hasResourceProperties("AWS::SNS::Subscription", { Protocol: "email" });
});

test("user data: every value is given and used", () => {
    assert.throws(() => userData({ shard: "1" }), /nobody gives/);
    const boot = JSON.stringify(t.findResources("AWS::EC2::LaunchTemplate"));
    for (const name of ["SHARD=1", "SHARD=2", "TRANSPORT=dpdk"]) assert.ok(boot.includes(name), name);
    assert.doesNotMatch(boot, /\$\{/);
});
