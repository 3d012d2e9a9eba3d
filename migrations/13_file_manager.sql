-- 13_file_manager: users' files and folders, quotas, resumable uploads, and what is cleaned up when.

BEGIN;
SET LOCAL ROLE fr_owner_file_mgr;

CALL app.outbox_stamp('file_mgr', 'filemgr');

-- Bytes, once each, by digest. Several files may share them, of several tenants too; so no tenant-facing role sees this table:
-- it would tell whether somebody else has a file.
CREATE TABLE file_mgr.blobs (
    sha256       bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    size_bytes   bigint NOT NULL CHECK (size_bytes >= 0),
    backend      text NOT NULL CHECK (backend IN ('local', 's3')),
    bucket       text NOT NULL DEFAULT '' CHECK (length(bucket) <= 63),
    object_key   text NOT NULL CHECK (length(object_key) BETWEEN 1 AND 1024),
    mime_sniffed text CHECK (length(mime_sniffed) <= 127),
    scan_state   text NOT NULL DEFAULT 'pending' CHECK (scan_state IN ('pending', 'clean', 'infected', 'error', 'skipped')),
    scanned_at   timestamptz CHECK (scan_state NOT IN ('clean', 'infected') OR scanned_at IS NOT NULL),
    refcount     bigint NOT NULL DEFAULT 0 CHECK (refcount >= 0),
    gc_after     timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (backend, bucket, object_key)
);
CREATE INDEX blobs_unused ON file_mgr.blobs (gc_after) WHERE refcount = 0;
CREATE INDEX blobs_unscanned ON file_mgr.blobs (created_at) WHERE scan_state = 'pending';
CALL app.rls_r0('file_mgr.blobs', 'filemgr');
GRANT SELECT, INSERT, DELETE, UPDATE (mime_sniffed, scan_state, scanned_at, refcount, gc_after) ON file_mgr.blobs TO fr_filemgr_worker;

-- ------------------------------------------------------------------------------------------------------------- folders
-- user_id NULL: the tenant's own folder. A folder belongs to whom its parent belongs to.
CREATE TABLE file_mgr.folders (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,                                      -- identity.tenants
    user_id     uuid,                                               -- identity.users
    parent_id   uuid,
    path        text NOT NULL,                                      -- set by the trigger, as is depth
    depth       int NOT NULL CHECK (depth BETWEEN 0 AND 20),
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 255 AND name !~ '[/\\[:cntrl:]]' AND name NOT IN ('.', '..')),
    name_norm   text GENERATED ALWAYS AS (lower(normalize(name, NFKC))) STORED,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    row_version bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES file_mgr.folders (tenant_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX folders_name ON file_mgr.folders (tenant_id, user_id, parent_id, name_norm) NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE INDEX folders_children ON file_mgr.folders (tenant_id, parent_id);
CREATE INDEX folders_path ON file_mgr.folders (tenant_id, path text_pattern_ops);
CREATE INDEX folders_trash ON file_mgr.folders (deleted_at) WHERE deleted_at IS NOT NULL;

-- A folder, or a file, lies in a folder of the same owner. Argument: the column that names the folder.
CREATE FUNCTION file_mgr.same_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    folder uuid := (to_jsonb(NEW) ->> TG_ARGV[0])::uuid;
BEGIN
    IF folder IS NOT NULL AND NOT EXISTS (
        SELECT FROM file_mgr.folders f
         WHERE f.tenant_id = NEW.tenant_id AND f.id = folder AND f.user_id IS NOT DISTINCT FROM NEW.user_id)
    THEN
        RAISE EXCEPTION 'folder % does not exist or belongs to somebody else', folder
            USING ERRCODE = 'foreign_key_violation', COLUMN = TG_ARGV[0];
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION file_mgr.same_owner() FROM PUBLIC;
CREATE TRIGGER owner_of_parent BEFORE INSERT OR UPDATE OF parent_id, user_id ON file_mgr.folders
    FOR EACH ROW EXECUTE FUNCTION file_mgr.same_owner('parent_id');
CREATE TRIGGER place BEFORE INSERT OR UPDATE OF parent_id ON file_mgr.folders FOR EACH ROW EXECUTE FUNCTION app.tree_place('20');
CREATE TRIGGER place_children AFTER UPDATE OF parent_id ON file_mgr.folders
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION app.tree_follow();

CALL app.set_policies('file_mgr.folders', 'filemgr',
    'tenant_id = (SELECT app.tenant()) AND (user_id IS NULL OR user_id = (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))',
    'tenant_id = (SELECT app.tenant()) AND (user_id IS NULL OR user_id = (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))', false);
CALL app.add_touch('file_mgr.folders');
GRANT SELECT, INSERT (id, tenant_id, user_id, parent_id, name), UPDATE (parent_id, name, deleted_at) ON file_mgr.folders TO fr_filemgr;
GRANT SELECT, DELETE ON file_mgr.folders TO fr_filemgr_worker;

-- --------------------------------------------------------------------------------------------------------------- files
-- user_id NULL: the tenant's own file (an API key's upload, an export).
CREATE TABLE file_mgr.files (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,                                   -- identity.tenants
    user_id        uuid,                                            -- identity.users
    folder_id      uuid,
    sha256         bytea NOT NULL REFERENCES file_mgr.blobs ON DELETE RESTRICT,
    size_bytes     bigint NOT NULL CHECK (size_bytes >= 0),
    name           text NOT NULL CHECK (length(name) BETWEEN 1 AND 255 AND name !~ '[/\\[:cntrl:]]' AND name NOT IN ('.', '..')),
    name_norm      text GENERATED ALWAYS AS (lower(normalize(name, NFKC))) STORED,
    mime           text NOT NULL CHECK (mime ~ '^[a-z0-9.+-]{1,63}/[a-z0-9.+-]{1,63}$'),
    kind           text NOT NULL CHECK (kind IN ('image', 'video', 'audio', 'font', 'package', 'svg', 'document', 'archive', 'other')),
    purpose        text NOT NULL DEFAULT 'user_media' CHECK (purpose IN ('user_media', 'template_package', 'font', 'export', 'snapshot', 'avatar',
                       'preview', 'log', 'temp')),
    origin         text NOT NULL DEFAULT 'upload' CHECK (origin IN ('upload', 'render', 'import', 'generated')),
    visibility     text NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'tenant', 'public')),
    state          text NOT NULL DEFAULT 'pending_scan' CHECK (state IN ('pending_scan', 'ready', 'quarantined', 'deleted')),
    width          int CHECK (width > 0),
    height         int CHECK (height > 0),
    duration_ms    bigint CHECK (duration_ms >= 0),
    fps_num        int CHECK (fps_num > 0),
    fps_den        int CHECK (fps_den > 0),
    has_alpha      boolean,
    probe          jsonb CHECK (octet_length(probe::text) <= 65536),
    exif_stripped  boolean NOT NULL DEFAULT false,
    thumb_file_id  uuid,
    expires_at     timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    deleted_at     timestamptz,
    row_version    bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES file_mgr.folders (tenant_id, id) ON DELETE SET NULL (folder_id),
    FOREIGN KEY (tenant_id, thumb_file_id) REFERENCES file_mgr.files (tenant_id, id) ON DELETE SET NULL (thumb_file_id),
    CHECK ((state = 'deleted') = (deleted_at IS NOT NULL)),
    CHECK ((fps_num IS NULL) = (fps_den IS NULL)),
    CHECK ((width IS NULL) = (height IS NULL))
);
CREATE UNIQUE INDEX files_name ON file_mgr.files (tenant_id, user_id, folder_id, name_norm) NULLS NOT DISTINCT
    WHERE deleted_at IS NULL AND purpose = 'user_media';
CREATE INDEX files_folder ON file_mgr.files (tenant_id, folder_id);
CREATE INDEX files_thumb ON file_mgr.files (tenant_id, thumb_file_id);
CREATE INDEX files_newest ON file_mgr.files (tenant_id, user_id, created_at DESC, id DESC);
CREATE INDEX files_sha256 ON file_mgr.files (sha256);
CREATE INDEX files_expiring ON file_mgr.files (expires_at) WHERE deleted_at IS NULL AND expires_at IS NOT NULL;
CREATE INDEX files_trash ON file_mgr.files (deleted_at) WHERE deleted_at IS NOT NULL;

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('file', 'pending_scan', 'ready'), ('file', 'pending_scan', 'quarantined'), ('file', 'pending_scan', 'deleted'),
    ('file', 'ready', 'quarantined'), ('file', 'ready', 'deleted'),
    ('file', 'quarantined', 'ready'), ('file', 'quarantined', 'deleted'), ('file', 'deleted', 'ready');
CREATE TRIGGER check_state BEFORE UPDATE OF state ON file_mgr.files
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('file', 'state');
CREATE TRIGGER owner_of_folder BEFORE INSERT OR UPDATE OF folder_id, user_id ON file_mgr.files
    FOR EACH ROW EXECUTE FUNCTION file_mgr.same_owner('folder_id');

CALL app.set_policies('file_mgr.files', 'filemgr',
    'tenant_id = (SELECT app.tenant()) AND (visibility <> ''private'' OR user_id IS NULL OR user_id = (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))',
    'tenant_id = (SELECT app.tenant()) AND (user_id IS NULL OR user_id = (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))', false);
CALL app.add_touch('file_mgr.files');
-- Rows are made by the worker that has verified the bytes; a request moves, renames, shares and deletes them.
GRANT SELECT, UPDATE (folder_id, name, visibility, state, expires_at, deleted_at) ON file_mgr.files TO fr_filemgr;
GRANT SELECT, INSERT, DELETE, UPDATE (state, width, height, duration_ms, fps_num, fps_den, has_alpha, probe, exif_stripped,
    thumb_file_id, expires_at, deleted_at) ON file_mgr.files TO fr_filemgr_worker;

-- -------------------------------------------------------------------------------------------------------------- quotas
-- A reservation that does not fit is refused by the CHECK itself, however many uploads begin at once.
CREATE TABLE file_mgr.quotas (
    tenant_id      uuid NOT NULL,                                   -- identity.tenants
    scope_kind     text NOT NULL CHECK (scope_kind IN ('tenant', 'user')),
    scope_id       uuid NOT NULL,                                   -- the tenant itself, or identity.users
    limit_bytes    bigint NOT NULL CHECK (limit_bytes >= 0),
    used_bytes     bigint NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
    reserved_bytes bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
    limit_files    int NOT NULL CHECK (limit_files >= 0),
    used_files     int NOT NULL DEFAULT 0 CHECK (used_files >= 0),
    reserved_files int NOT NULL DEFAULT 0 CHECK (reserved_files >= 0),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    row_version    bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, scope_kind, scope_id),
    CHECK (scope_kind <> 'tenant' OR scope_id = tenant_id),
    CONSTRAINT quotas_bytes_fit CHECK (used_bytes + reserved_bytes <= limit_bytes),
    CONSTRAINT quotas_files_fit CHECK (used_files + reserved_files <= limit_files)
);
INSERT INTO file_mgr.quotas (tenant_id, scope_kind, scope_id, limit_bytes, limit_files) VALUES
    ('00000000-0000-0000-0000-000000000001', 'tenant', '00000000-0000-0000-0000-000000000001', 10995116277760, 10000000);
CALL app.rls_r1('file_mgr.quotas', 'filemgr');
GRANT SELECT, UPDATE (reserved_bytes, reserved_files) ON file_mgr.quotas TO fr_filemgr;
GRANT SELECT, INSERT, DELETE, UPDATE (limit_bytes, used_bytes, reserved_bytes, limit_files, used_files, reserved_files)
    ON file_mgr.quotas TO fr_filemgr_worker;

-- ------------------------------------------------------------------------------------------------------------- uploads
CREATE TABLE file_mgr.upload_sessions (
    id                uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id         uuid NOT NULL,                                -- identity.tenants
    user_id           uuid,                                         -- identity.users; NULL: an API key
    folder_id         uuid,
    protocol          text NOT NULL CHECK (protocol IN ('tus', 's3_multipart', 'direct')),
    purpose           text NOT NULL DEFAULT 'user_media' CHECK (purpose IN ('user_media', 'template_package', 'font', 'avatar', 'temp')),
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 255 AND name !~ '[/\\[:cntrl:]]' AND name NOT IN ('.', '..')),
    declared_mime     text CHECK (length(declared_mime) <= 127),
    declared_sha256   bytea CHECK (octet_length(declared_sha256) = 32),
    length_bytes      bigint CHECK (length_bytes >= 0),             -- NULL until the client knows it
    offset_bytes      bigint NOT NULL DEFAULT 0 CHECK (offset_bytes >= 0),
    reserved_bytes    bigint NOT NULL DEFAULT 0 CHECK (reserved_bytes >= 0),
    metadata          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192),
    backend_upload_id text CHECK (length(backend_upload_id) <= 1024),
    part_size_bytes   bigint CHECK (part_size_bytes BETWEEN 5242880 AND 5368709120),
    state             text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'receiving', 'verifying', 'completed', 'aborted', 'expired')),
    file_id           uuid,
    error             text CHECK (length(error) <= 1000),
    locked_until      timestamptz,
    expires_at        timestamptz NOT NULL DEFAULT now() + interval '24 hours',
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES file_mgr.folders (tenant_id, id) ON DELETE SET NULL (folder_id),
    FOREIGN KEY (tenant_id, file_id) REFERENCES file_mgr.files (tenant_id, id) ON DELETE SET NULL (file_id),
    CHECK (offset_bytes <= length_bytes),
    CHECK (state NOT IN ('verifying', 'completed') OR offset_bytes = length_bytes AND length_bytes IS NOT NULL),
    CHECK (protocol <> 's3_multipart' OR part_size_bytes IS NOT NULL),
    CHECK (state NOT IN ('completed', 'aborted', 'expired') OR reserved_bytes = 0)
);
CREATE INDEX upload_sessions_folder ON file_mgr.upload_sessions (tenant_id, folder_id);
CREATE INDEX upload_sessions_file ON file_mgr.upload_sessions (tenant_id, file_id);
CREATE INDEX upload_sessions_user ON file_mgr.upload_sessions (tenant_id, user_id) WHERE state IN ('created', 'receiving', 'verifying');
CREATE INDEX upload_sessions_stale ON file_mgr.upload_sessions (expires_at) WHERE state IN ('created', 'receiving', 'verifying');

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('upload', 'created', 'receiving'), ('upload', 'created', 'verifying'), ('upload', 'created', 'aborted'), ('upload', 'created', 'expired'),
    ('upload', 'receiving', 'verifying'), ('upload', 'receiving', 'aborted'), ('upload', 'receiving', 'expired'),
    ('upload', 'verifying', 'completed'), ('upload', 'verifying', 'aborted');
CREATE TRIGGER check_state BEFORE UPDATE OF state ON file_mgr.upload_sessions
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('upload', 'state');

CALL app.set_policies('file_mgr.upload_sessions', 'filemgr',
    'tenant_id = (SELECT app.tenant()) AND (user_id IS NOT DISTINCT FROM (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))',
    'tenant_id = (SELECT app.tenant()) AND (user_id IS NOT DISTINCT FROM (SELECT app.actor()) OR (SELECT app.has_role(''admin'')))', false);
CALL app.add_touch('file_mgr.upload_sessions');
GRANT SELECT, INSERT (id, tenant_id, user_id, folder_id, protocol, purpose, name, declared_mime, declared_sha256, length_bytes,
        reserved_bytes, metadata, backend_upload_id, part_size_bytes, expires_at),
    UPDATE (length_bytes, offset_bytes, reserved_bytes, backend_upload_id, state, locked_until, expires_at)
    ON file_mgr.upload_sessions TO fr_filemgr;
GRANT SELECT, DELETE, UPDATE (reserved_bytes, state, file_id, error, locked_until) ON file_mgr.upload_sessions TO fr_filemgr_worker;

CREATE TABLE file_mgr.upload_parts (
    tenant_id   uuid NOT NULL,
    session_id  uuid NOT NULL,
    n           int NOT NULL CHECK (n BETWEEN 1 AND 10000),
    size_bytes  bigint NOT NULL CHECK (size_bytes BETWEEN 1 AND 5368709120),
    etag        text NOT NULL CHECK (length(etag) BETWEEN 1 AND 255),
    sha256      bytea CHECK (octet_length(sha256) = 32),
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, session_id, n),
    FOREIGN KEY (tenant_id, session_id) REFERENCES file_mgr.upload_sessions (tenant_id, id) ON DELETE CASCADE
);
CALL app.rls_r3_of('file_mgr.upload_parts', 'filemgr', 'file_mgr.upload_sessions', 'session_id');
GRANT SELECT, INSERT, UPDATE (size_bytes, etag, sha256, received_at) ON file_mgr.upload_parts TO fr_filemgr;
GRANT SELECT ON file_mgr.upload_parts TO fr_filemgr_worker;

-- ------------------------------------------------------------------------------------------------------------- cleanup
-- tenant_id NULL: the platform's own schedule, over every tenant.
CREATE TABLE file_mgr.cleanup_schedules (
    id           uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id    uuid,                                              -- identity.tenants
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    rule         text NOT NULL CHECK (rule IN ('expired_files', 'temp_older_than', 'orphan_blobs', 'stale_uploads', 'trash_older_than',
                     'exports_older_than', 'snapshots_over_size')),
    params       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object' AND octet_length(params::text) <= 4096),
    interval_s   int NOT NULL CHECK (interval_s BETWEEN 60 AND 31536000),
    next_at      timestamptz NOT NULL DEFAULT now(),
    enabled      boolean NOT NULL DEFAULT true,
    dry_run      boolean NOT NULL DEFAULT false,
    last_run_at  timestamptz,
    last_result  jsonb CHECK (octet_length(last_result::text) <= 8192),             -- scanned, deleted, bytes, errors
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    row_version  bigint NOT NULL DEFAULT 1,
    UNIQUE NULLS NOT DISTINCT (tenant_id, name),
    CHECK (tenant_id IS NULL OR rule <> 'orphan_blobs'),
    CHECK (rule NOT IN ('temp_older_than', 'trash_older_than', 'exports_older_than') OR params ? 'older_than_s')
);
CREATE INDEX cleanup_schedules_due ON file_mgr.cleanup_schedules (next_at) WHERE enabled;
INSERT INTO file_mgr.cleanup_schedules (name, rule, params, interval_s) VALUES
    ('stale uploads', 'stale_uploads', '{}', 3600),
    ('expired files', 'expired_files', '{}', 3600),
    ('temporary files', 'temp_older_than', '{"older_than_s": 86400}', 3600),
    ('trash', 'trash_older_than', '{"older_than_s": 2592000}', 86400),
    ('unused blobs', 'orphan_blobs', '{}', 86400);
CALL app.rls_r1('file_mgr.cleanup_schedules', 'filemgr');
GRANT SELECT, INSERT (id, tenant_id, name, rule, params, interval_s, next_at, enabled, dry_run), DELETE,
    UPDATE (name, rule, params, interval_s, next_at, enabled, dry_run) ON file_mgr.cleanup_schedules TO fr_filemgr;
GRANT SELECT, INSERT, DELETE, UPDATE (params, interval_s, next_at, enabled, dry_run, last_run_at, last_result)
    ON file_mgr.cleanup_schedules TO fr_filemgr_worker;

COMMIT;
