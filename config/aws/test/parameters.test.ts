// Each wrong parameter is named, with what is right; the example is right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorsOf, Parameters, readParameters } from "../lib/parameters.js";

const good = readParameters(new URL("../parameters.json", import.meta.url).pathname);
const wrong = (change: Partial<Parameters>) => errorsOf({ ...good, ...change });

test("the example is right", () => assert.deepEqual(errorsOf(good), []));

const cases: [Partial<Parameters>, RegExp][] = [
    [{ name: "Wire Book" }, /^name/],
    [{ account: "1234" }, /^account/],
    [{ zones: ["us-east-1a"], shards: [good.shards[0]] }, /^zones: at least two/],
    [{ zones: ["us-east-1a", "us-east-1a"], shards: [good.shards[0]] }, /^zones: at least two/],
    [{ region: "eu-west-1" }, /^zones: all of them in region/],
    [{ cidr: "10.20.0.0/28" }, /^cidr/],
    [{ shards: [] }, /^shards: at least one/],
    [{ shards: [{ number: 100, zone: "us-east-1a", symbols: "A" }] }, /^shards: numbers/],
    [{ shards: [1, 1].map((number) => ({ number, zone: "us-east-1a", symbols: "A" })) }, /^shards: each number once/],
    [{ shards: [{ number: 1, zone: "us-east-1f", symbols: "A" }] }, /^shards: each zone/],
    [{ privateLinkPrincipals: ["arn:aws:iam::1:root"] }, /^clientAddresses: PrivateLink/],
    [{ clientCidrs: ["0.0.0.0/0"] }, /^clientCidrs: the whole Internet/],
    [{ clientCidrs: [] }, /^clientCidrs: who may connect/],
    [{ journalIops: 600000, journalGiB: 500 }, /^journalIops/],
    [{ databaseReaders: { min: 3, max: 2 } }, /^databaseReaders: min/],
    [{ redisReplicas: 0 }, /^redisReplicas/],
    [{ imageId: "debian" }, /^imageId: ami/],
    [{ imageId: "" }, /^imageId: transport dpdk/],
    [{ configUrl: "s3://bucket" }, /^configUrl/],
    [{ packageUrl: "https://example.com/x.deb" }, /^packageUrl/],
];
test("Debian's own image does for sockets", () => assert.deepEqual(wrong({ imageId: "", transport: "sockets" }), []));

for (const [change, error] of cases)
    test(`refuses ${JSON.stringify(change)}`, () => {
        const errors = wrong(change);
        assert.equal(errors.length, 1, errors.join("\n"));
        assert.match(errors[0], error);
    });

test("says all that is wrong at once", () => assert.equal(wrong({ name: "", account: "", clientCidrs: [] }).length, 3));
