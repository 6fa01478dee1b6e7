// One shard: exactly one active instance, replaced when it dies. Its journal volume and its data interface outlive it and
// attach to one instance at a time, so they are the lock between the old one and the new one.
import * as autoscaling from "aws-cdk-lib/aws-autoscaling";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import * as logs from "aws-cdk-lib/aws-logs";
import * as kms from "aws-cdk-lib/aws-kms";
import * as sns from "aws-cdk-lib/aws-sns";
import { CfnTag, Duration, RemovalPolicy, Size, Stack, Tags } from "aws-cdk-lib";
import { Construct } from "constructs";
import { Data } from "./data.js";
import { Network } from "./network.js";
import { Parameters, Shard } from "./parameters.js";
import { userData } from "./user-data.js";

export class ShardInstance extends Construct {
    readonly group: autoscaling.AutoScalingGroup;
    readonly volume: ec2.Volume;
    private readonly logs: logs.LogGroup; // the CloudWatch agent makes metrics of what it writes there
    readonly address: string; // of the data interface: the load balancer's target

    constructor(scope: Construct, id: string, p: Parameters, shard: Shard, network: Network, data: Data,
                topic: sns.ITopic, key: kms.IKey) {
        super(scope, id);
        const name = `${p.name}-shard-${shard.number}`;
        const subnet = network.vpc.selectSubnets({ subnetGroupName: "venue", availabilityZones: [shard.zone] });
        this.volume = new ec2.Volume(this, "Journal", {
            volumeName: `${name}-journal`,
            availabilityZone: shard.zone,
            volumeType: ec2.EbsDeviceVolumeType.IO2,
            size: Size.gibibytes(p.journalGiB),
            iops: p.journalIops,
            encrypted: true,
            encryptionKey: key,
            removalPolicy: RemovalPolicy.RETAIN,
        });
        const face = new ec2.CfnNetworkInterface(this, "Data", {
            description: `data interface of ${name}`,
            subnetId: subnet.subnetIds[0],
            groupSet: [network.venueGroup.securityGroupId],
            tags: [new CfnTagOf("Name", name)],
        });
        this.address = face.attrPrimaryPrivateIpAddress;
        this.logs = new logs.LogGroup(this, "Metrics", {
            retention: logs.RetentionDays.ONE_MONTH, encryptionKey: key, removalPolicy: RemovalPolicy.DESTROY });
        const role = this.role(p, shard, face, data, key);
        const template = new ec2.LaunchTemplate(this, "Template", {
            launchTemplateName: name,
            instanceType: new ec2.InstanceType(p.instanceType),
            machineImage: p.imageId ? ec2.MachineImage.genericLinux({ [p.region]: p.imageId })
                                    : ec2.MachineImage.fromSsmParameter("/aws/service/debian/release/12/latest/amd64"),
            role,
            securityGroup: network.venueGroup,
            requireImdsv2: true,
            httpPutResponseHopLimit: 1, // no container or proxy gets at the role
            detailedMonitoring: true,
            ebsOptimized: true,
            blockDevices: [{ deviceName: "/dev/xvda",
                             volume: ec2.BlockDeviceVolume.ebs(30, { encrypted: true, kmsKey: key }) }],
            userData: ec2.UserData.custom(this.boot(p, shard, face, data)),
        });
        this.group = new autoscaling.AutoScalingGroup(this, "Group", {
            autoScalingGroupName: name,
            vpc: network.vpc,
            vpcSubnets: { subnets: subnet.subnets },
            launchTemplate: template,
            minCapacity: 1,
            maxCapacity: 1, // never two: one shard is one active process
            healthChecks: autoscaling.HealthChecks.ec2({ gracePeriod: Duration.minutes(10) }),
            // The old one ends before the new one starts: it holds the volume.
            updatePolicy: autoscaling.UpdatePolicy.rollingUpdate({ minInstancesInService: 0, maxBatchSize: 1 }),
            notifications: [{ topic, scalingEvents: autoscaling.ScalingEvents.ALL }], // somebody learns of a replacement
            groupMetrics: [autoscaling.GroupMetrics.all()],
        });
        const placement = new ec2.PlacementGroup(this, "Placement", { strategy: ec2.PlacementGroupStrategy.CLUSTER });
        const cfn = template.node.defaultChild as ec2.CfnLaunchTemplate;
        cfn.addPropertyOverride("LaunchTemplateData.Placement.GroupName", placement.placementGroupName);
        Tags.of(this).add("wirebook:shard", String(shard.number));
    }

    private boot(p: Parameters, shard: Shard, face: ec2.CfnNetworkInterface, data: Data): string {
        return userData({
            shard: String(shard.number),
            region: p.region,
            volume: this.volume.volumeId,
            interface: face.attrId,
            database: data.cluster.clusterEndpoint.hostname,
            databaseSecret: data.exportSecret.secretArn,
            redis: data.redis.attrPrimaryEndPointAddress,
            redisSecret: data.redisSecret.secretArn,
            archive: data.archive.bucketName,
            package: p.packageUrl,
            config: p.configUrl,
            transport: p.transport,
            logGroup: this.logs.logGroupName,
            cores: "2-5", // gateway, engine, persist and one to spare, on the first socket
        });
    }

    // What the instance may do: take its own volume and interface, read two secrets, write its own part of the archive.
    private role(p: Parameters, shard: Shard, face: ec2.CfnNetworkInterface, data: Data, key: kms.IKey): iam.Role {
        const role = new iam.Role(this, "Role", { assumedBy: new iam.ServicePrincipal("ec2.amazonaws.com") });
        const stack = Stack.of(this);
        const arn = (resource: string) => `arn:${stack.partition}:ec2:${p.region}:${p.account}:${resource}`;
        role.addToPolicy(new iam.PolicyStatement({
            sid: "TakeWhatMakesTheShard",
            actions: ["ec2:AttachVolume", "ec2:AttachNetworkInterface"],
            resources: [arn(`volume/${this.volume.volumeId}`), arn(`network-interface/${face.attrId}`)],
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "ToItself",
            actions: ["ec2:AttachVolume", "ec2:AttachNetworkInterface"],
            resources: [arn("instance/*")],
            conditions: { StringEquals: { "aws:ARN": "${ec2:SourceInstanceARN}" } },
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "SeeWhoHoldsThem", // these calls know no resources
            actions: ["ec2:DescribeVolumes", "ec2:DescribeNetworkInterfaces"],
            resources: ["*"],
            conditions: { StringEquals: { "ec2:Region": p.region } },
        }));
        const bucket = p.packageUrl.split("/")[2];
        role.addToPolicy(new iam.PolicyStatement({
            sid: "Package",
            actions: ["s3:GetObject"],
            resources: [`arn:${stack.partition}:s3:::${bucket}/${p.packageUrl.split("/").slice(3).join("/")}`],
        }));
        const [configBucket, ...folder] = p.configUrl.split("/").slice(2);
        const own = `${folder.join("/")}/shard-${shard.number}/*`;
        role.addToPolicy(new iam.PolicyStatement({
            sid: "Config",
            actions: ["s3:GetObject"],
            resources: [`arn:${stack.partition}:s3:::${configBucket}/${own}`],
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "ConfigNames",
            actions: ["s3:ListBucket"],
            resources: [`arn:${stack.partition}:s3:::${configBucket}`],
            conditions: { StringLike: { "s3:prefix": own } },
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "SessionManager", // operators get in by it, there is no SSH; these calls know no resources
            actions: ["ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
                      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"],
            resources: ["*"],
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "MetricsOfTheAgent",
            actions: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
            resources: [this.logs.logGroupArn],
        }));
        data.exportSecret.grantRead(role); // never the master's
        data.redisSecret.grantRead(role);
        role.addToPolicy(new iam.PolicyStatement({
            sid: "ArchiveWriteOnce", // no delete, no overwrite: the bucket keeps versions and locks them
            actions: ["s3:PutObject", "s3:GetObject"], // what it put and did not note, it looks at
            resources: [data.archive.arnForObjects(`shard-${shard.number}/*`)],
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "KeyByOthersOnly", // what these services have encrypted for us, through them, and nothing by itself
            actions: ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            resources: [key.keyArn],
            conditions: { StringEquals: { "kms:ViaService": ["ec2", "s3"].map((s) => `${s}.${p.region}.amazonaws.com`) } },
        }));
        role.addToPolicy(new iam.PolicyStatement({
            sid: "AttachEncrypted", // EC2 asks, in the instance's name, for the right to decrypt the journal volume's key
            actions: ["kms:CreateGrant"],
            resources: [key.keyArn],
            conditions: { Bool: { "kms:GrantIsForAWSResource": "true" } },
        }));
        return role;
    }
}

class CfnTagOf implements CfnTag {
    constructor(readonly key: string, readonly value: string) {}
}
