-- 11_render_nodes: machines, who may be one, how they are, what they keep, who leads.
-- All class r0: platform tables with no tenant and no grant to a tenant-facing role. What operators and the leader do here
-- they do as fr_render_worker. Heartbeats write no row: liveness lives in the leader's memory.

BEGIN;
SET LOCAL ROLE fr_owner_render;

-- Named groups of nodes, for drains and placement.
CREATE TABLE render.pools (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    name        text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version bigint NOT NULL DEFAULT 1
);

-- A machine with an agent. Three states with three writers: policy (an operator), health (the system, with evidence and an
-- end), link (the leader's clock, written when it changes). protocol's `may_lease` is where they meet.
CREATE TABLE render.nodes (
    id               uuid PRIMARY KEY,
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 63),
    name_norm        text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE,
    hostname         text NOT NULL CHECK (length(hostname) <= 255),
    os               text NOT NULL CHECK (length(os) <= 255),
    policy           text NOT NULL DEFAULT 'active' CHECK (policy IN ('active', 'cordoned', 'draining', 'retired')),
    policy_reason    text CHECK (length(policy_reason) <= 1000),
    health           text NOT NULL DEFAULT 'ok' CHECK (health IN ('ok', 'quarantined')),
    health_evidence  jsonb,
    health_until     timestamptz,
    link             text NOT NULL DEFAULT 'lost' CHECK (link IN ('online', 'silent', 'lost')),
    link_changed_at  timestamptz NOT NULL DEFAULT now(),
    boot_id          uuid,
    agent_version    text CHECK (length(agent_version) <= 100),
    cores            int CHECK (cores > 0),
    memory_mib       bigint CHECK (memory_mib > 0),
    slots            int NOT NULL DEFAULT 1 CHECK (slots BETWEEN 1 AND 64),
    renderers        text[] NOT NULL DEFAULT '{}',
    can_assemble     boolean NOT NULL DEFAULT false,
    can_prepare      boolean NOT NULL DEFAULT false,
    pool_id          uuid REFERENCES render.pools (id) ON DELETE SET NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    row_version      bigint NOT NULL DEFAULT 1,
    CHECK ((health = 'quarantined') = (health_evidence IS NOT NULL AND health_until IS NOT NULL))
);
CREATE INDEX nodes_pool ON render.nodes (pool_id);

-- Certificates that were issued. A session needs one that is here, not revoked and not past its end.
CREATE TABLE render.node_certificates (
    fingerprint bytea PRIMARY KEY CHECK (octet_length(fingerprint) = 32),
    node_id     uuid NOT NULL REFERENCES render.nodes (id) ON DELETE CASCADE,
    issued_at   timestamptz NOT NULL DEFAULT now(),
    not_after   timestamptz NOT NULL,
    revoked_at  timestamptz,
    CHECK (not_after > issued_at)
);
CREATE INDEX node_certificates_node ON render.node_certificates (node_id);

-- Join tokens: the hash of the secret, one use, a short life.
CREATE TABLE render.node_join_tokens (
    secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    created_by  text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz,
    node_id     uuid REFERENCES render.nodes (id) ON DELETE SET NULL,
    CHECK (expires_at > created_at),
    CHECK (node_id IS NULL OR used_at IS NOT NULL)
);
CREATE INDEX node_join_tokens_node ON render.node_join_tokens (node_id);

-- One row per node and sample (30 s), inserted in batches. Partitioned by month.
CREATE TABLE render.node_health_logs (
    at                   timestamptz NOT NULL,
    id                   uuid NOT NULL DEFAULT app.uuid7(),
    node_id              uuid NOT NULL,
    cpu_percent          numeric(5, 2) NOT NULL CHECK (cpu_percent BETWEEN 0 AND 100),
    memory_used_mib      bigint NOT NULL CHECK (memory_used_mib >= 0),
    disk_free_mib        bigint NOT NULL CHECK (disk_free_mib >= 0),
    gpu_percent          numeric(5, 2) CHECK (gpu_percent BETWEEN 0 AND 100),
    slots_busy           int NOT NULL CHECK (slots_busy >= 0),
    renderers            int NOT NULL CHECK (renderers >= 0),
    renderers_memory_mib bigint NOT NULL CHECK (renderers_memory_mib >= 0),
    spooled              int NOT NULL CHECK (spooled >= 0),
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX node_health_logs_at ON render.node_health_logs USING brin (at);
CREATE INDEX node_health_logs_node ON render.node_health_logs (node_id, at DESC);

-- Crashes of After Effects, and what was done about each.
CREATE TABLE render.node_crashes (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    node_id        uuid NOT NULL REFERENCES render.nodes (id) ON DELETE CASCADE,
    job_id         uuid,
    attempt_id     uuid,
    ordinal        int CHECK (ordinal >= 0),
    package_digest bytea CHECK (octet_length(package_digest) = 32),
    kind           text NOT NULL CHECK (kind IN ('crash', 'hang', 'memory', 'disk', 'licence', 'dialog', 'agent')),
    exit_code      int,
    signature      text NOT NULL CHECK (length(signature) BETWEEN 1 AND 200),
    message        text NOT NULL DEFAULT '' CHECK (octet_length(message) <= 4096),
    log_tail       text NOT NULL DEFAULT '' CHECK (octet_length(log_tail) <= 16384),
    action         text NOT NULL DEFAULT 'none' CHECK (length(action) <= 100),
    helped         boolean,
    created_at     timestamptz NOT NULL DEFAULT now(),
    recovered_at   timestamptz
);
CREATE INDEX node_crashes_signature ON render.node_crashes (signature, created_at);
CREATE INDEX node_crashes_node ON render.node_crashes (node_id, created_at);

-- What each node's template cache holds, as it last told.
CREATE TABLE render.node_template_cache (
    node_id      uuid NOT NULL REFERENCES render.nodes (id) ON DELETE CASCADE,
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
    bytes        bigint NOT NULL CHECK (bytes >= 0),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (node_id, digest)
);
CREATE INDEX node_template_cache_digest ON render.node_template_cache (digest);

-- A drain goes on through a change of leader. Uncordoning ends it.
CREATE TABLE render.drains (
    id               uuid PRIMARY KEY DEFAULT app.uuid7(),
    node_id          uuid REFERENCES render.nodes (id) ON DELETE CASCADE,
    pool_id          uuid REFERENCES render.pools (id) ON DELETE CASCADE,
    mode             text NOT NULL DEFAULT 'frame' CHECK (mode IN ('frame', 'job', 'now')),
    at_deadline      text NOT NULL DEFAULT 'now' CHECK (at_deadline IN ('now', 'wait', 'end')),
    budget_percent   int NOT NULL DEFAULT 100 CHECK (budget_percent BETWEEN 1 AND 100),
    reason           text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    asked_by         text NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 255),
    deadline_at      timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    drained_at       timestamptz,
    ended_at         timestamptz,
    CHECK (num_nonnulls(node_id, pool_id) = 1)
);
CREATE INDEX drains_node ON render.drains (node_id);
CREATE INDEX drains_pool ON render.drains (pool_id);

-- Counted limits: licences, the store's bandwidth. A refusal backs the requirement off, not the job.
CREATE TABLE render.limits (
    name          text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    capacity      int NOT NULL CHECK (capacity >= 0),
    backoff_until timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    row_version   bigint NOT NULL DEFAULT 1
);

-- Who leads: one row. Its epoch guards every write of a leader; `until` is by this database's clock.
CREATE TABLE render.leadership (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder      uuid,
    holder_name text CHECK (length(holder_name) <= 255),
    epoch       bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    until       timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO render.leadership DEFAULT VALUES;

-- Each lease draws its epoch here; it only grows, over restarts too.
CREATE SEQUENCE render.lease_epochs;

CALL app.rls_r0('render.pools', 'render');
CALL app.rls_r0('render.nodes', 'render');
CALL app.rls_r0('render.node_certificates', 'render');
CALL app.rls_r0('render.node_join_tokens', 'render');
CALL app.rls_r0('render.node_health_logs', 'render');
CALL app.rls_r0('render.node_crashes', 'render');
CALL app.rls_r0('render.node_template_cache', 'render');
CALL app.rls_r0('render.drains', 'render');
CALL app.rls_r0('render.limits', 'render');
CALL app.rls_r0('render.leadership', 'render');
CALL app.partition_monthly('render.node_health_logs', '14 days');

GRANT SELECT, INSERT, DELETE, UPDATE (name) ON render.pools TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (name, hostname, os, policy, policy_reason, health, health_evidence, health_until, link,
    link_changed_at, boot_id, agent_version, cores, memory_mib, slots, renderers, can_assemble, can_prepare, pool_id)
    ON render.nodes TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (revoked_at) ON render.node_certificates TO fr_render_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (used_at, node_id) ON render.node_join_tokens TO fr_render_worker;
GRANT SELECT, INSERT ON render.node_health_logs TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (action, helped, recovered_at) ON render.node_crashes TO fr_render_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (last_used_at) ON render.node_template_cache TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (deadline_at, drained_at, ended_at) ON render.drains TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (capacity, backoff_until) ON render.limits TO fr_render_worker;
GRANT SELECT, UPDATE (holder, holder_name, epoch, until) ON render.leadership TO fr_render_worker;
GRANT USAGE ON SEQUENCE render.lease_epochs TO fr_render_worker;

COMMIT;
