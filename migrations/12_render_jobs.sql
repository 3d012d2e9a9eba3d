-- 12_render_jobs: what is rendered. Render jobs and what tenants see of them are class r1; what only the leader writes
-- (job_todo, frame_jobs, attempts, frames) is r0 with no grant to a tenant-facing role.
-- The hot tables (frame_jobs, attempts, frames, events) carry no foreign keys: the checks' cached plans read whole tables
-- once they were planned on empty ones. An orphan query stands in for them.
-- The states and their legal steps are those of protocol/src/state; the CHECKs tie each state to its columns.

BEGIN;
SET LOCAL ROLE fr_owner_render;
CALL app.outbox_stamp('render', 'render', '{outbox_events}');

-- A template in the store, and what the reader found in it. Shared by whoever submits it. A bare project is named by the
-- digest of its file; a package by the digest of its content, however it was zipped, and `content` is what is in it.
CREATE TABLE render.packages (
    digest       bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    blob_digest  bytea NOT NULL UNIQUE CHECK (octet_length(blob_digest) = 32),
    bytes        bigint NOT NULL CHECK (bytes > 0),
    file_name    text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 255),
    project_path text NOT NULL CHECK (length(project_path) BETWEEN 1 AND 255),
    content      jsonb,
    manifest     jsonb NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);

-- A package with a job's values set, saved once by After Effects. Found again by package and values; `report` is what the
-- farm goes by, and names the blob with all that the script said.
CREATE TABLE render.prepared_projects (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    package_digest bytea NOT NULL REFERENCES render.packages (digest),
    values_hash    bytea NOT NULL CHECK (octet_length(values_hash) = 32),
    digest         bytea CHECK (octet_length(digest) = 32),
    bytes          bigint CHECK (bytes > 0),
    report         jsonb,
    pins           jsonb,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, package_digest, values_hash),
    CHECK ((digest IS NULL) = (bytes IS NULL))
);
CREATE INDEX prepared_projects_package ON render.prepared_projects (package_digest);

-- One submission.
CREATE TABLE render.render_jobs (
    id                 uuid PRIMARY KEY,
    tenant_id          uuid NOT NULL,
    user_id            uuid,
    saved_project_id   uuid,
    project_version_id uuid,
    name               text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    state              text NOT NULL DEFAULT 'queued' CHECK (state IN
        ('queued', 'preparing', 'running', 'assembling', 'done', 'paused', 'cancelling', 'cancelled', 'failed')),
    reason             text CHECK (length(reason) <= 4000),
    notes              text[] NOT NULL DEFAULT '{}',
    priority           int NOT NULL DEFAULT 50 CHECK (priority BETWEEN 0 AND 100),
    package_digest     bytea NOT NULL REFERENCES render.packages (digest),
    project_name       text NOT NULL CHECK (length(project_name) BETWEEN 1 AND 255),
    composition        text NOT NULL CHECK (length(composition) BETWEEN 1 AND 255),
    input              jsonb NOT NULL DEFAULT '{}',
    frame_list         text NOT NULL CHECK (length(frame_list) BETWEEN 1 AND 20000),
    total_frames       int NOT NULL CHECK (total_frames BETWEEN 1 AND 1000000),
    width              int NOT NULL CHECK (width BETWEEN 1 AND 30000),
    height             int NOT NULL CHECK (height BETWEEN 1 AND 30000),
    rate_num           bigint NOT NULL CHECK (rate_num > 0),
    rate_den           bigint NOT NULL CHECK (rate_den > 0),
    aspect_num         bigint NOT NULL CHECK (aspect_num > 0),
    aspect_den         bigint NOT NULL CHECK (aspect_den > 0),
    background         text NOT NULL CHECK (background ~ '^#[0-9a-f]{6}$'),
    tracks             jsonb NOT NULL DEFAULT '[]' CHECK (octet_length(tracks::text) < 16384),
    has_voiceover      boolean NOT NULL DEFAULT false,
    music_volume       int CHECK (music_volume BETWEEN 0 AND 200),
    sfx_volume         int CHECK (sfx_volume BETWEEN 0 AND 200),
    voiceover_volume   int CHECK (voiceover_volume BETWEEN 0 AND 200),
    split              text NOT NULL DEFAULT 'free' CHECK (split IN ('free', 'costly', 'never')),
    canary             boolean NOT NULL DEFAULT true,
    accept_suspect     boolean NOT NULL DEFAULT false,
    pins               jsonb,
    source             jsonb NOT NULL,
    prepare            jsonb,
    values_hash        bytea CHECK (octet_length(values_hash) = 32),
    prepared_id        uuid,
    sound              text NOT NULL DEFAULT 'none' CHECK (sound IN ('none', 'left_out', 'wanted', 'made')),
    sound_digest       bytea CHECK (octet_length(sound_digest) = 32),
    sound_bytes        bigint CHECK (sound_bytes > 0),
    created_at         timestamptz NOT NULL DEFAULT now(),
    started_at         timestamptz,
    finished_at        timestamptz,
    updated_at         timestamptz NOT NULL DEFAULT now(),
    row_version        bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, prepared_id) REFERENCES render.prepared_projects (tenant_id, id),
    CHECK ((prepare IS NULL) = (values_hash IS NULL) AND (prepared_id IS NULL OR prepare IS NOT NULL)),
    CHECK ((sound = 'made') = (num_nulls(sound_digest, sound_bytes) = 0)),
    CHECK ((state IN ('done', 'cancelled', 'failed')) = (finished_at IS NOT NULL)),
    CHECK (state <> 'failed' OR reason IS NOT NULL),
    CHECK (state NOT IN ('running', 'assembling', 'done') OR started_at IS NOT NULL),
    CHECK (has_voiceover = (voiceover_volume IS NOT NULL))
) WITH (fillfactor = 50);
CREATE INDEX render_jobs_newest ON render.render_jobs (tenant_id, id DESC);
CREATE INDEX render_jobs_package ON render.render_jobs (package_digest);
CREATE INDEX render_jobs_prepared ON render.render_jobs (tenant_id, prepared_id);
CREATE INDEX render_jobs_unfinished ON render.render_jobs (id)
    WHERE state NOT IN ('done', 'cancelled', 'failed');

-- What of a job nobody holds, and the one lock of its hot state:
--   SELECT ... FROM render.job_todo WHERE job_id = ANY ($1) ORDER BY job_id FOR NO KEY UPDATE
-- as a statement of its own before anything that leases, publishes, finishes, expires, cancels or requeues.
-- todo: ordinals that are not leased, not published and not failed.
CREATE TABLE render.job_todo (
    job_id        uuid PRIMARY KEY,
    generation    int NOT NULL DEFAULT 1 CHECK (generation >= 1),
    open          boolean NOT NULL DEFAULT true,
    total         int NOT NULL CHECK (total > 0),
    todo          int4multirange NOT NULL,
    failed        int4multirange NOT NULL DEFAULT '{}',
    done_count    int NOT NULL DEFAULT 0 CHECK (done_count >= 0),
    attempt_count int NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
    CHECK (NOT todo && failed),
    CHECK (done_count <= total),
    CHECK (isempty(todo) OR (lower(todo) >= 0 AND upper(todo) <= total))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- One try of something on one node. Its row is the lease. job_id is the snapshot's id where kind is snapshot.
CREATE TABLE render.attempts (
    id         uuid PRIMARY KEY,
    job_id     uuid NOT NULL,
    number     int NOT NULL CHECK (number >= 1),
    kind       text NOT NULL CHECK (kind IN ('prepare', 'frames', 'sound', 'assemble', 'snapshot')),
    node_id    uuid NOT NULL,
    epoch      bigint NOT NULL CHECK (epoch > 0),
    state      text NOT NULL DEFAULT 'starting' CHECK (state IN
        ('starting', 'running', 'stopping', 'succeeded', 'failed', 'cancelled', 'lost')),
    class      text CHECK (class IN ('ok', 'template', 'node', 'transient', 'suspect')),
    exit_code  int,
    message    text CHECK (octet_length(message) <= 4096),
    log_tail   text CHECK (octet_length(log_tail) <= 16384),
    log_digest bytea CHECK (octet_length(log_digest) = 32),
    startup_ms int CHECK (startup_ms >= 0),
    total_ms   int CHECK (total_ms >= 0),
    leased_at  timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at   timestamptz,
    UNIQUE (job_id, number),
    CHECK ((state IN ('starting', 'running', 'stopping')) = (ended_at IS NULL)),
    CHECK ((state IN ('succeeded', 'failed')) <= (class IS NOT NULL))
);
CREATE INDEX attempts_live ON render.attempts (node_id) WHERE state IN ('starting', 'running', 'stopping');

-- The range of an attempt of kind frames. It exists from the moment its frames are leased.
-- The database itself refuses overlapping leases of one job: among normal ones, among copies, and among repairs.
CREATE TABLE render.frame_jobs (
    attempt_id  uuid PRIMARY KEY,
    job_id      uuid NOT NULL,
    generation  int NOT NULL CHECK (generation >= 1),
    kind        text NOT NULL DEFAULT 'render' CHECK (kind IN ('render', 'repair')),
    frames      int4range NOT NULL CHECK (NOT isempty(frames) AND lower(frames) >= 0),
    state       text NOT NULL DEFAULT 'leased' CHECK (state IN ('leased', 'done', 'returned', 'failed', 'cancelled')),
    speculative boolean NOT NULL DEFAULT false,
    repair_id   uuid,
    leased_at   timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz,
    CHECK ((state = 'leased') = (ended_at IS NULL)),
    CHECK ((kind = 'repair') = (repair_id IS NOT NULL)),
    CONSTRAINT frame_jobs_leases_apart EXCLUDE USING gist (job_id WITH =, frames WITH &&)
        WHERE (state = 'leased' AND kind = 'render' AND NOT speculative),
    CONSTRAINT frame_jobs_copies_apart EXCLUDE USING gist (job_id WITH =, frames WITH &&)
        WHERE (state = 'leased' AND kind = 'render' AND speculative),
    CONSTRAINT frame_jobs_repairs_apart EXCLUDE USING gist (job_id WITH =, frames WITH &&)
        WHERE (state = 'leased' AND kind = 'repair')
);
CREATE INDEX frame_jobs_job ON render.frame_jobs (job_id);

-- A frame, once published. Its digest is its name in the store; pixels is the digest of what it shows.
CREATE TABLE render.frames (
    job_id          uuid NOT NULL,
    ordinal         int NOT NULL CHECK (ordinal >= 0),
    generation      int NOT NULL,
    state           text NOT NULL DEFAULT 'published' CHECK (state IN ('published', 'suspect')),
    digest          bytea NOT NULL CHECK (octet_length(digest) = 32),
    bytes           bigint NOT NULL CHECK (bytes > 0),
    pixels          bytea NOT NULL CHECK (octet_length(pixels) = 32),
    node_id         uuid NOT NULL,
    attempt_id      uuid NOT NULL,
    renderer        text NOT NULL,
    render_ms       int NOT NULL CHECK (render_ms >= 0),
    width           int NOT NULL CHECK (width > 0),
    height          int NOT NULL CHECK (height > 0),
    bits            int NOT NULL CHECK (bits > 0),
    alpha           boolean NOT NULL,
    mean_luma       real NOT NULL CHECK (mean_luma BETWEEN 0 AND 1),
    perceptual_hash bigint NOT NULL,
    flags           int NOT NULL DEFAULT 0,
    repair_id       uuid,
    published_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, ordinal)
);

-- Frames to be rendered again, with the reason and the evidence. While probe is set only that frame is rendered, elsewhere,
-- as a second opinion: the rest follows when it differs.
CREATE TABLE render.frame_repair_jobs (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    job_id         uuid NOT NULL,
    generation     int NOT NULL CHECK (generation >= 1),
    frames         int4multirange NOT NULL CHECK (NOT isempty(frames)),
    state          text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'leased', 'done', 'failed', 'dismissed')),
    reason         text NOT NULL CHECK (reason IN ('asked', 'gap', 'size', 'black', 'frozen', 'suspect', 'torn')),
    evidence       jsonb NOT NULL DEFAULT '{}',
    excluded_nodes uuid[] NOT NULL DEFAULT '{}',
    probe          int CHECK (probe >= 0),
    asked_by       text NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 255),
    created_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, job_id) REFERENCES render.render_jobs (tenant_id, id) ON DELETE CASCADE,
    CHECK ((state IN ('done', 'failed', 'dismissed')) = (ended_at IS NOT NULL)),
    CHECK (probe IS NULL OR frames @> probe)
);
CREATE INDEX frame_repair_jobs_job ON render.frame_repair_jobs (tenant_id, job_id);
CREATE INDEX frame_repair_jobs_open ON render.frame_repair_jobs (job_id) WHERE state IN ('open', 'leased');

-- One frame of a composition with given values, found again by its cache key. source is what it is rendered from;
-- failed_nodes has one entry a failure since it was asked for, rounds counts how often it failed for good.
CREATE TABLE render.snapshots (
    id                  uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id           uuid NOT NULL,
    cache_key           bytea NOT NULL CHECK (octet_length(cache_key) = 32),
    prepared_project_id uuid,
    package_digest      bytea NOT NULL REFERENCES render.packages (digest),
    source              jsonb NOT NULL,
    composition         text NOT NULL CHECK (length(composition) BETWEEN 1 AND 255),
    display_frame       int NOT NULL,
    frame_width         int NOT NULL CHECK (frame_width BETWEEN 1 AND 30000),
    frame_height        int NOT NULL CHECK (frame_height BETWEEN 1 AND 30000),
    width               int NOT NULL CHECK (width BETWEEN 1 AND 30000),
    height              int NOT NULL CHECK (height BETWEEN 1 AND 30000),
    format              text NOT NULL CHECK (format IN ('png', 'jpeg')),
    background          text NOT NULL CHECK (background ~ '^#[0-9a-f]{6}$'),
    renderer            text NOT NULL,
    state               text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'leased', 'done', 'failed')),
    attempt_count       int NOT NULL DEFAULT 0 CHECK (attempt_count >= 0),
    failed_nodes        uuid[] NOT NULL DEFAULT '{}',
    rounds              int NOT NULL DEFAULT 0 CHECK (rounds >= 0),
    digest              bytea CHECK (octet_length(digest) = 32),
    bytes               bigint CHECK (bytes > 0),
    hits                bigint NOT NULL DEFAULT 0 CHECK (hits >= 0),
    error               text CHECK (length(error) <= 4000),
    retry_at            timestamptz,
    last_used_at        timestamptz NOT NULL DEFAULT now(),
    created_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, cache_key),
    FOREIGN KEY (tenant_id, prepared_project_id) REFERENCES render.prepared_projects (tenant_id, id),
    CHECK ((state = 'done') = (digest IS NOT NULL AND bytes IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL)),
    CHECK ((state = 'failed') = (retry_at IS NOT NULL))
);
CREATE INDEX snapshots_package ON render.snapshots (package_digest);
CREATE INDEX snapshots_prepared ON render.snapshots (tenant_id, prepared_project_id);
CREATE INDEX snapshots_open ON render.snapshots (created_at) WHERE state IN ('queued', 'leased');
CREATE INDEX snapshots_used ON render.snapshots (last_used_at) WHERE state IN ('done', 'failed');

-- A finished film of a job. The row waits from the submission on; one guarded UPDATE makes a checked film the export.
CREATE TABLE render.exports (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    job_id         uuid NOT NULL,
    generation     int NOT NULL DEFAULT 1 CHECK (generation >= 1),
    preset         text NOT NULL DEFAULT 'mp4-h264' CHECK (length(preset) BETWEEN 1 AND 63),
    state          text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ready', 'removed')),
    digest         bytea CHECK (octet_length(digest) = 32),
    bytes          bigint CHECK (bytes > 0),
    width          int CHECK (width > 0),
    height         int CHECK (height > 0),
    padded_columns int CHECK (padded_columns BETWEEN 0 AND 1),
    padded_rows    int CHECK (padded_rows BETWEEN 0 AND 1),
    frames         int CHECK (frames > 0),
    duration_ms    bigint CHECK (duration_ms >= 0),
    sound          boolean,
    attempt_id     uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    ready_at       timestamptz,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, job_id, preset),
    FOREIGN KEY (tenant_id, job_id) REFERENCES render.render_jobs (tenant_id, id) ON DELETE CASCADE,
    CHECK ((state = 'waiting') = (ready_at IS NULL)),
    CHECK (state <> 'ready' OR num_nulls(digest, bytes, width, height, padded_columns, padded_rows, frames, duration_ms,
        sound, attempt_id) = 0)
);

-- Everything that changed a state: who, from, to, why. Written in the transaction of the change.
CREATE TABLE render.events (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    tenant_id  uuid NOT NULL,
    subject    text NOT NULL CHECK (subject IN ('job', 'attempt', 'frame', 'node', 'repair', 'drain', 'snapshot')),
    job_id     uuid,
    node_id    uuid,
    attempt_id uuid,
    from_state text,
    to_state   text NOT NULL,
    who        text NOT NULL CHECK (who IN ('operator', 'planner', 'agent', 'clock', 'farm')),
    why        text CHECK (length(why) <= 4000)
);
CREATE INDEX events_job ON render.events (job_id, seq) WHERE job_id IS NOT NULL;
CREATE INDEX events_tenant ON render.events (tenant_id, seq);

-- A job never exists without its todo and its waiting export; the leader is told after the commit. One notification a
-- transaction, however many jobs it writes. Runs as the owner: tenants' requests have no right to write job_todo.
CREATE FUNCTION render.job_submitted() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO render.job_todo (job_id, total, todo)
        VALUES (NEW.id, NEW.total_frames, int4multirange(int4range(0, NEW.total_frames)));
    PERFORM pg_notify('render_jobs', '');
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION render.job_submitted() FROM PUBLIC;
CREATE TRIGGER job_submitted AFTER INSERT ON render.render_jobs
    FOR EACH ROW EXECUTE FUNCTION render.job_submitted();

-- What people change in a job (pause, cancel, priority) wakes the leader too.
CREATE FUNCTION render.job_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('render_jobs', '');
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION render.job_changed() FROM PUBLIC;
CREATE TRIGGER job_changed AFTER UPDATE OF state, priority ON render.render_jobs
    FOR EACH ROW WHEN (NEW.state IN ('paused', 'cancelling', 'queued') OR NEW.priority <> OLD.priority)
    EXECUTE FUNCTION render.job_changed();

-- A snapshot that is asked for, or asked for again, wakes the leader.
CREATE TRIGGER snapshot_asked AFTER INSERT ON render.snapshots
    FOR EACH ROW EXECUTE FUNCTION render.job_changed();
CREATE TRIGGER snapshot_asked_again AFTER UPDATE OF state ON render.snapshots
    FOR EACH ROW WHEN (OLD.state = 'failed' AND NEW.state = 'queued') EXECUTE FUNCTION render.job_changed();

-- Frames of jobs that are not partitioned exactly into todo, held, published and failed; empty when all is well.
CREATE VIEW render.broken_jobs WITH (security_invoker = true) AS
SELECT job_id, total, todo, failed, held, published
  FROM (SELECT t.job_id, t.total, t.todo, t.failed, t.done_count,
               coalesce((SELECT range_agg(int4range(f.ordinal, f.ordinal + 1)) FROM render.frames f
                          WHERE f.job_id = t.job_id AND f.generation = t.generation), '{}') AS published,
               coalesce((SELECT range_agg(l.frames) FROM render.frame_jobs l
                          WHERE l.job_id = t.job_id AND l.state = 'leased' AND l.kind = 'render' AND NOT l.speculative),
                        '{}') AS held
          FROM render.job_todo t) AS x
 WHERE todo && published OR todo && held OR todo && failed OR failed && published OR failed && held
    OR todo + held + published + failed <> int4multirange(int4range(0, total))
    OR done_count <> (SELECT count(*) FROM render.frames f WHERE f.job_id = x.job_id);

CALL app.rls_r0('render.packages', 'render');
CALL app.rls_r1('render.prepared_projects', 'render');
CALL app.rls_r1('render.render_jobs', 'render');
CALL app.rls_r0('render.job_todo', 'render');
CALL app.rls_r0('render.attempts', 'render');
CALL app.rls_r0('render.frame_jobs', 'render');
CALL app.rls_r0('render.frames', 'render');
CALL app.rls_r1('render.frame_repair_jobs', 'render');
CALL app.rls_r1('render.snapshots', 'render');
CALL app.rls_r1('render.exports', 'render');
CALL app.rls_r1('render.events', 'render');

-- Tenants' requests: submit, see, and what people may edit. State is the leader's.
GRANT SELECT, INSERT, UPDATE (name, priority) ON render.render_jobs TO fr_render;
GRANT SELECT, INSERT ON render.exports TO fr_render;
GRANT SELECT, INSERT ON render.snapshots, render.frame_repair_jobs TO fr_render;
GRANT SELECT ON render.prepared_projects TO fr_render;
GRANT SELECT, INSERT ON render.events TO fr_render;

GRANT SELECT, INSERT ON render.packages TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (digest, bytes, report, pins) ON render.prepared_projects TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (state, reason, notes, priority, pins, started_at, finished_at, frame_list, total_frames, width,
    height, rate_num, rate_den, aspect_num, aspect_den, background, split, source, prepared_id, sound, sound_digest, sound_bytes)
    ON render.render_jobs TO fr_render_worker;
GRANT SELECT, UPDATE (total, generation, open, todo, failed, done_count, attempt_count) ON render.job_todo TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (state, class, exit_code, message, log_tail, log_digest, startup_ms, total_ms, started_at,
    ended_at) ON render.attempts TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (frames, state, speculative, ended_at) ON render.frame_jobs TO fr_render_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (state, digest, bytes, pixels, node_id, attempt_id, renderer, render_ms, width,
    height, bits, alpha, mean_luma, perceptual_hash, flags, repair_id, published_at) ON render.frames TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (state, excluded_nodes, evidence, probe, ended_at) ON render.frame_repair_jobs TO fr_render_worker;
GRANT SELECT, INSERT, DELETE, UPDATE (state, attempt_count, failed_nodes, rounds, digest, bytes, hits, error, retry_at,
    last_used_at) ON render.snapshots TO fr_render_worker;
GRANT SELECT, INSERT, UPDATE (generation, state, digest, bytes, width, height, padded_columns, padded_rows, frames, duration_ms,
    sound, attempt_id, ready_at) ON render.exports TO fr_render_worker;
GRANT SELECT, INSERT ON render.events TO fr_render_worker;
GRANT SELECT ON render.broken_jobs TO fr_render_worker;

COMMIT;
