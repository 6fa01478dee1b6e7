"""A private PostgreSQL and Redis for tests and benchmarks in Python, by scripts/local-services, with our schema."""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# The section of a config that Databases.export fills in.
EXPORT = """
export:
  retry_min_ms: 20
  retry_max_ms: 500
  refused_retry_ms: 500
  postgres:
    enabled: yes
    conninfo: "host={PGHOST} port={PGPORT} user={PGUSER} dbname={PGDATABASE}"
    password_file: {pgpass}
    connect_timeout_ms: 2000
    commit_timeout_ms: 3000
  redis: {{enabled: yes, host: {REDIS_HOST}, port: {REDIS_PORT}, prefix: "{prefix}"}}
"""


class Databases:
    """Both run when it is made. The caller says call("stop") at the end, whatever happens."""

    def __init__(self, folder):
        self.dir = folder
        os.makedirs(folder, exist_ok=True)
        self.call("start")
        self.env = dict(line.split("=", 1) for line in self.call("env").splitlines() if "=" in line)
        os.environ.update({k: v for k, v in self.env.items() if k.startswith("PG")})
        self.pgpass = os.path.join(folder, "pgpass")
        with open(self.pgpass, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("*:*:*:*:" + self.env["PGPASSWORD"] + "\n")
        subprocess.run([f"{ROOT}/scripts/migrate"], check=True, stdout=subprocess.DEVNULL)
        self.psql = ["psql", "-v", "ON_ERROR_STOP=1"]
        self.redis_cli = ["redis-cli", "-h", self.env["REDIS_HOST"], "-p", self.env["REDIS_PORT"]]

    def call(self, verb):
        """A verb of scripts/local-services; returns what it printed."""
        return subprocess.run([f"{ROOT}/scripts/local-services", verb, self.dir], check=True, stdout=subprocess.PIPE,
                              text=True).stdout

    def export(self, prefix):
        """The section of a config that exports into both; `prefix` begins Redis' keys."""
        return EXPORT.format(prefix=prefix, pgpass=self.pgpass, **self.env)
