-- 07_content_scenes: the scenes of a template version, and the fields that customers fill in them.

BEGIN;
SET LOCAL ROLE fr_owner_content;

CREATE TABLE content.scenes (
    id              uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id       uuid NOT NULL,
    version_id      uuid NOT NULL,
    key             text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,63}$'),
    comp_ref        text NOT NULL CHECK (length(comp_ref) BETWEEN 1 AND 255),     -- the composition in the project file
    kind            text NOT NULL DEFAULT 'body' CHECK (kind IN ('intro', 'body', 'outro', 'transition', 'text', 'media')),
    duration_frames bigint NOT NULL CHECK (duration_frames > 0),
    min_frames      bigint CHECK (min_frames > 0),
    max_frames      bigint CHECK (max_frames > 0),
    repeatable      boolean NOT NULL DEFAULT false,
    max_repeats     int CHECK (max_repeats BETWEEN 2 AND 1000),
    sort            int NOT NULL DEFAULT 0,
    thumb_file_id   uuid,                                           -- file_mgr.files
    preview_file_id uuid,                                           -- file_mgr.files
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    row_version     bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, version_id, key),
    FOREIGN KEY (tenant_id, version_id) REFERENCES content.project_versions (tenant_id, id) ON DELETE CASCADE,
    CHECK (coalesce(min_frames, duration_frames) <= duration_frames AND duration_frames <= coalesce(max_frames, duration_frames)),
    CHECK (max_repeats IS NULL OR repeatable)
);
CREATE INDEX scenes_in_order ON content.scenes (tenant_id, version_id, sort, id);
CREATE TRIGGER keep_frozen BEFORE INSERT OR UPDATE OR DELETE ON content.scenes
    FOR EACH ROW EXECUTE FUNCTION content.keep_frozen('version_id');
CALL app.rls_r2_of('content.scenes', 'content', 'content.project_versions', 'version_id');
GRANT SELECT, INSERT, DELETE, UPDATE (comp_ref, kind, duration_frames, min_frames, max_frames, repeatable, max_repeats, sort,
    thumb_file_id, preview_file_id) ON content.scenes TO fr_content;
GRANT SELECT ON content.scenes TO fr_content_worker;

-- Words may be mended after the freeze: they are shown, not rendered.
CREATE TABLE content.scene_translations (
    tenant_id  uuid NOT NULL,
    scene_id   uuid NOT NULL,
    locale     text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    hint       text CHECK (length(hint) <= 1000),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, scene_id, locale),
    FOREIGN KEY (tenant_id, scene_id) REFERENCES content.scenes (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX scene_translations_locale ON content.scene_translations (locale);
CALL app.rls_r2_of('content.scene_translations', 'content', 'content.scenes', 'scene_id');
GRANT SELECT, INSERT, DELETE, UPDATE (title, hint) ON content.scene_translations TO fr_content;
GRANT SELECT ON content.scene_translations TO fr_content_worker;

CREATE TABLE content.scene_fields (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    scene_id       uuid NOT NULL,
    key            text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,63}$'),
    type           text NOT NULL CHECK (type IN ('text', 'rich_text', 'color', 'image', 'video', 'audio', 'number', 'boolean', 'enum', 'date',
                       'font', 'url')),
    layer_ref      jsonb NOT NULL CHECK (jsonb_typeof(layer_ref) = 'object' AND octet_length(layer_ref::text) <= 4096),
    required       boolean NOT NULL DEFAULT false,
    fallback       jsonb CHECK (octet_length(fallback::text) <= 16384),
    constraints    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(constraints) = 'object' AND octet_length(constraints::text) <= 16384),
    labels         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192),  -- by locale
    box            jsonb CHECK (octet_length(box::text) <= 1024),   -- x, y, w, h in pixels, for editing on the picture
    text_direction text NOT NULL DEFAULT 'auto' CHECK (text_direction IN ('auto', 'rtl', 'ltr')),
    autofit        text NOT NULL DEFAULT 'none' CHECK (autofit IN ('none', 'shrink', 'wrap', 'ellipsis')),
    font_id        uuid,
    sort           int NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, scene_id, key),
    FOREIGN KEY (tenant_id, scene_id) REFERENCES content.scenes (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, font_id) REFERENCES content.fonts (tenant_id, id) ON DELETE RESTRICT
);
CREATE INDEX scene_fields_font ON content.scene_fields (tenant_id, font_id);
CREATE TRIGGER keep_frozen BEFORE INSERT OR UPDATE OR DELETE ON content.scene_fields
    FOR EACH ROW EXECUTE FUNCTION content.keep_frozen('scene_id');
CALL app.rls_r2_of('content.scene_fields', 'content', 'content.scenes', 'scene_id');
GRANT SELECT, INSERT, DELETE, UPDATE (type, layer_ref, required, fallback, constraints, labels, box, text_direction, autofit, font_id, sort)
    ON content.scene_fields TO fr_content;
GRANT SELECT ON content.scene_fields TO fr_content_worker;

COMMIT;
