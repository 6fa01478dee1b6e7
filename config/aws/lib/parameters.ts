// What an operator chooses. Read from a JSON file and checked as a whole: every error at once, with its remedy.
import { readFileSync } from "node:fs";

export interface Shard {
    number: number; // 1..99: the shard of the config, the last digits of its session ids
    zone: string; // the one zone that its journal volume lives in
    symbols: string; // what it trades, for people and dashboards: the map of symbols to shards
}

export interface Parameters {
    name: string; // prefix of names and tags
    account: string;
    region: string;
    zones: string[]; // two or more
    cidr: string; // of the VPC
    shards: Shard[];
    instanceType: string; // of a shard; needs two network interfaces and ENA
    imageId: string; // of the AMI; empty: the latest Debian 12, whose kernel cannot hand a device to DPDK (README.md, Image)
    transport: "dpdk" | "sockets";
    clientAddresses: "preserve" | "proxy"; // how the venue learns them: kept by the balancer, or proxy protocol v2
    clientCidrs: string[]; // who may connect
    certificateArn: string; // of the TLS listeners; empty: TCP only
    privateLinkPrincipals: string[]; // AWS principals that may make endpoints; empty: no endpoint service
    journalGiB: number;
    journalIops: number;
    packageUrl: string; // of the Debian package, in a bucket that the instances may read
    configUrl: string; // of a folder with shard-N/wirebook.yaml and what it names: each instance takes its own at boot
    databaseClass: string;
    databaseReaders: { min: number; max: number };
    redisNode: string;
    redisReplicas: number;
    archiveYears: number;
    alarmEmail: string;
    globalAccelerator: boolean;
    shieldAdvanced: boolean;
}

// Ports of a shard's listeners at the balancer, and of the venue itself.
export const ORDER_PORT = 9000;
export const HEALTH_PORT = 9100;
export const MANAGEMENT_PORT = 9001;
export const listenerPort = (shard: Shard) => 9000 + shard.number;
export const tlsListenerPort = (shard: Shard) => 9500 + shard.number;

type Check = [good: boolean, text: string];

function checks(p: Parameters): Check[] {
    const numbers = p.shards.map((s) => s.number);
    return [
        [/^[a-z][a-z0-9-]{1,20}$/.test(p.name), "name: 2 to 21 of a-z, 0-9 and -"],
        [/^\d{12}$/.test(p.account), "account: the 12 digits of the AWS account"],
        [p.zones.length >= 2 && new Set(p.zones).size === p.zones.length, "zones: at least two different ones"],
        [p.zones.every((z) => z.startsWith(p.region)), "zones: all of them in region"],
        [/^\d+\.\d+\.\d+\.\d+\/1[6-9]$|^\d+\.\d+\.\d+\.\d+\/2[0-2]$/.test(p.cidr), "cidr: IPv4, /16 to /22"],
        [p.shards.length >= 1, "shards: at least one"],
        [numbers.every((n) => Number.isInteger(n) && n >= 1 && n <= 99), "shards: numbers from 1 to 99"],
        [new Set(numbers).size === numbers.length, "shards: each number once: two active processes would share an epoch"],
        [p.shards.every((s) => p.zones.includes(s.zone)), "shards: each zone one of zones"],
        [["dpdk", "sockets"].includes(p.transport), "transport: dpdk or sockets"],
        [p.imageId === "" || /^ami-[0-9a-f]{8,17}$/.test(p.imageId), "imageId: ami-..., or empty for the latest Debian 12"],
        [p.transport !== "dpdk" || p.imageId !== "",
         "imageId: transport dpdk needs an image with igb_uio or vfio without IOMMU; Debian's kernels have neither (README.md, Image)"],
        [["preserve", "proxy"].includes(p.clientAddresses), "clientAddresses: preserve or proxy"],
        [
            p.privateLinkPrincipals.length === 0 || p.clientAddresses === "proxy",
            "clientAddresses: PrivateLink hides client addresses: take proxy, or no privateLinkPrincipals",
        ],
        [p.clientCidrs.length > 0, "clientCidrs: who may connect, at least one network"],
        [p.clientCidrs.every((c) => !c.endsWith("/0")), "clientCidrs: the whole Internet is not a client"],
        [p.journalIops <= 1000 * p.journalGiB && p.journalIops <= 256000, "journalIops: io2 has at most 1000 for each GiB"],
        [p.databaseReaders.min >= 1 && p.databaseReaders.max <= 15, "databaseReaders: 1 to 15"],
        [p.databaseReaders.min <= p.databaseReaders.max, "databaseReaders: min at most max"],
        [p.redisReplicas >= 1 && p.redisReplicas <= 5, "redisReplicas: 1 to 5, or a fail-over has nowhere to go"],
        [p.archiveYears >= 1, "archiveYears: at least 1; RTS 24 asks for 5, CAT for 6"],
        [/^s3:\/\/[^/]+\/.+\.deb$/.test(p.packageUrl), "packageUrl: s3://BUCKET/PATH.deb"],
        [/^s3:\/\/[^/]+(\/[^/]+)+$/.test(p.configUrl), "configUrl: s3://BUCKET/FOLDER, without a / at its end"],
        [p.alarmEmail.includes("@"), "alarmEmail: somebody who reads it"],
    ];
}

// All that is wrong, a line each; empty when all is well.
export function errorsOf(p: Parameters): string[] {
    return checks(p).flatMap(([good, text]) => (good ? [] : [text]));
}

export function readParameters(path: string): Parameters {
    const p = JSON.parse(readFileSync(path, "utf-8")) as Parameters;
    const errors = errorsOf(p);
    if (errors.length > 0) throw new Error(`${path}:\n  ${errors.join("\n  ")}`);
    return p;
}
