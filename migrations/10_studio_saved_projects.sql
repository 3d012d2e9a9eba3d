-- 10_studio_saved_projects: what users make of a template, with music, voiceover and sound effects.

BEGIN;
SET LOCAL ROLE fr_owner_studio;

CALL app.outbox_stamp('studio', 'studio');

-- Volumes are whole percents, 0 to 200. Music and voiceover are one each and stand in the row; sound effects have rows of their own.
CREATE TABLE studio.saved_projects (
    id                     uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id              uuid NOT NULL,                           -- identity.tenants
    user_id                uuid NOT NULL,                           -- identity.users
    project_id             uuid NOT NULL,                           -- content.projects
    version_id             uuid NOT NULL,                           -- content.project_versions
    title                  text NOT NULL CHECK (length(title) BETWEEN 1 AND 200 AND title !~ '[[:cntrl:]]'),
    locale                 text NOT NULL DEFAULT 'fa' CHECK (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    doc                    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(doc) = 'object' AND octet_length(doc::text) <= 1048576),
    doc_schema             int NOT NULL DEFAULT 1 CHECK (doc_schema > 0),
    thumb_file_id          uuid,                                    -- file_mgr.files
    music_file_id          uuid,                                    -- file_mgr.files
    music_volume           int NOT NULL DEFAULT 70 CHECK (music_volume BETWEEN 0 AND 200),
    music_trim_in_ms       bigint NOT NULL DEFAULT 0 CHECK (music_trim_in_ms >= 0),
    music_fade_in_ms       int NOT NULL DEFAULT 0 CHECK (music_fade_in_ms BETWEEN 0 AND 60000),
    music_fade_out_ms      int NOT NULL DEFAULT 0 CHECK (music_fade_out_ms BETWEEN 0 AND 60000),
    music_loop             boolean NOT NULL DEFAULT true,
    sfx_volume             int NOT NULL DEFAULT 80 CHECK (sfx_volume BETWEEN 0 AND 200),
    voiceover_file_id      uuid,                                    -- file_mgr.files
    voiceover_volume       int NOT NULL DEFAULT 100 CHECK (voiceover_volume BETWEEN 0 AND 200),
    voiceover_start_ms     bigint NOT NULL DEFAULT 0 CHECK (voiceover_start_ms >= 0),
    voiceover_trim_in_ms   bigint NOT NULL DEFAULT 0 CHECK (voiceover_trim_in_ms >= 0),
    voiceover_trim_out_ms  bigint CHECK (voiceover_trim_out_ms > voiceover_trim_in_ms),
    voiceover_fade_in_ms   int NOT NULL DEFAULT 0 CHECK (voiceover_fade_in_ms BETWEEN 0 AND 60000),
    voiceover_fade_out_ms  int NOT NULL DEFAULT 0 CHECK (voiceover_fade_out_ms BETWEEN 0 AND 60000),
    voiceover_duration_ms  bigint CHECK (voiceover_duration_ms > 0),
    voiceover_source       text CHECK (voiceover_source IN ('upload', 'recording', 'speech')),
    voiceover_text         text CHECK (octet_length(voiceover_text) <= 65536),    -- what is said, where known
    voiceover_ducking      int NOT NULL DEFAULT 0 CHECK (voiceover_ducking BETWEEN 0 AND 100),  -- percent by which music yields to the voice
    last_render_job_id     uuid,                                    -- render.render_jobs
    last_opened_at         timestamptz,
    created_at             timestamptz NOT NULL DEFAULT now(),
    updated_at             timestamptz NOT NULL DEFAULT now(),
    deleted_at             timestamptz,
    row_version            bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    CHECK ((voiceover_file_id IS NULL) = (voiceover_source IS NULL)),
    CHECK (voiceover_file_id IS NOT NULL OR (voiceover_duration_ms IS NULL AND voiceover_trim_out_ms IS NULL))
);
CREATE INDEX saved_projects_recent ON studio.saved_projects (tenant_id, user_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX saved_projects_version ON studio.saved_projects (version_id);
CREATE INDEX saved_projects_trash ON studio.saved_projects (deleted_at) WHERE deleted_at IS NOT NULL;
CALL app.rls_r3('studio.saved_projects', 'studio');
GRANT SELECT, INSERT, UPDATE (version_id, title, locale, doc, doc_schema, thumb_file_id, music_file_id, music_volume, music_trim_in_ms,
    music_fade_in_ms, music_fade_out_ms, music_loop, sfx_volume, voiceover_file_id, voiceover_volume, voiceover_start_ms,
    voiceover_trim_in_ms, voiceover_trim_out_ms, voiceover_fade_in_ms, voiceover_fade_out_ms, voiceover_duration_ms, voiceover_source,
    voiceover_text, voiceover_ducking, last_render_job_id, last_opened_at, deleted_at) ON studio.saved_projects TO fr_studio;
GRANT SELECT, DELETE, UPDATE (thumb_file_id, last_render_job_id) ON studio.saved_projects TO fr_studio_worker;

CREATE TABLE studio.saved_project_scenes (
    id               uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id        uuid NOT NULL,
    saved_project_id uuid NOT NULL,
    scene_id         uuid NOT NULL,                                 -- content.scenes
    position         text COLLATE "C" NOT NULL CHECK (position ~ '^[0-9A-Za-z]{1,100}$'),   -- a fractional index: moving one touches one
    "values"         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof("values") = 'object' AND octet_length("values"::text) <= 262144),
    duration_frames  bigint CHECK (duration_frames > 0),
    muted            boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, saved_project_id, position) DEFERRABLE INITIALLY IMMEDIATE,
    FOREIGN KEY (tenant_id, saved_project_id) REFERENCES studio.saved_projects (tenant_id, id) ON DELETE CASCADE
);
CALL app.rls_r3_of('studio.saved_project_scenes', 'studio', 'studio.saved_projects', 'saved_project_id');
GRANT SELECT, INSERT, DELETE, UPDATE (position, "values", duration_frames, muted) ON studio.saved_project_scenes TO fr_studio;
GRANT SELECT ON studio.saved_project_scenes TO fr_studio_worker;

-- Sound effects: any number of short sounds in up to eight lanes, each louder or softer within sfx_volume.
CREATE TABLE studio.saved_project_sfx (
    id               uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id        uuid NOT NULL,
    saved_project_id uuid NOT NULL,
    file_id          uuid NOT NULL,                                 -- file_mgr.files
    lane             int NOT NULL DEFAULT 0 CHECK (lane BETWEEN 0 AND 7),
    start_ms         bigint NOT NULL CHECK (start_ms >= 0),
    trim_in_ms       bigint NOT NULL DEFAULT 0 CHECK (trim_in_ms >= 0),
    trim_out_ms      bigint CHECK (trim_out_ms > trim_in_ms),
    volume           int NOT NULL DEFAULT 100 CHECK (volume BETWEEN 0 AND 200),
    fade_in_ms       int NOT NULL DEFAULT 0 CHECK (fade_in_ms BETWEEN 0 AND 60000),
    fade_out_ms      int NOT NULL DEFAULT 0 CHECK (fade_out_ms BETWEEN 0 AND 60000),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, saved_project_id) REFERENCES studio.saved_projects (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX saved_project_sfx_project ON studio.saved_project_sfx (tenant_id, saved_project_id, start_ms);
CALL app.rls_r3_of('studio.saved_project_sfx', 'studio', 'studio.saved_projects', 'saved_project_id');
GRANT SELECT, INSERT, DELETE, UPDATE (lane, start_ms, trim_in_ms, trim_out_ms, volume, fade_in_ms, fade_out_ms)
    ON studio.saved_project_sfx TO fr_studio;
GRANT SELECT ON studio.saved_project_sfx TO fr_studio_worker;

COMMIT;
