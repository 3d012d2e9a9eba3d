-- 08_content_characters_presets: characters for explainer films, and presets: looks that are put on with one click.

BEGIN;
SET LOCAL ROLE fr_owner_content;

-- ---------------------------------------------------------------------------------------------------------- characters
CREATE TABLE content.characters (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL,                                    -- identity.tenants
    code          text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,63}$'),
    engine        text NOT NULL DEFAULT 'after_effects' CHECK (engine IN ('after_effects', 'native', 'lottie', 'html')),
    rig_file_id   uuid NOT NULL,                                    -- file_mgr.files
    thumb_file_id uuid,                                             -- file_mgr.files
    gender        text CHECK (gender IN ('female', 'male', 'none')),
    style         text CHECK (length(style) <= 100),
    actions       jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(actions) = 'array' AND octet_length(actions::text) <= 262144),  -- code, clip, frames, loop
    skins         jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(skins) = 'array' AND octet_length(skins::text) <= 262144),      -- code, palette
    price_credits int NOT NULL DEFAULT 0 CHECK (price_credits >= 0),
    status        text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'in_review', 'published', 'archived')),
    visibility    text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('private', 'tenant', 'public')),
    published_at  timestamptz CHECK (status <> 'published' OR published_at IS NOT NULL),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    row_version   bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id)
);
CREATE UNIQUE INDEX characters_code ON content.characters (tenant_id, code) WHERE deleted_at IS NULL;
CREATE INDEX characters_published ON content.characters (tenant_id, published_at DESC, id DESC) WHERE status = 'published' AND deleted_at IS NULL;
CALL app.rls_r2('content.characters', 'content', 'visibility = ''public'' AND status = ''published'' AND deleted_at IS NULL');
GRANT SELECT, INSERT, UPDATE (code, engine, rig_file_id, thumb_file_id, gender, style, actions, skins, price_credits, status, visibility,
    published_at, deleted_at) ON content.characters TO fr_content;
GRANT SELECT, DELETE ON content.characters TO fr_content_worker;

CREATE TABLE content.character_translations (
    tenant_id    uuid NOT NULL,
    character_id uuid NOT NULL,
    locale       text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    bio          text CHECK (length(bio) <= 2000),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, character_id, locale),
    FOREIGN KEY (tenant_id, character_id) REFERENCES content.characters (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX character_translations_locale ON content.character_translations (locale);
CALL app.rls_r2_of('content.character_translations', 'content', 'content.characters', 'character_id');
GRANT SELECT, INSERT, DELETE, UPDATE (name, bio) ON content.character_translations TO fr_content;
GRANT SELECT ON content.character_translations TO fr_content_worker;

-- ------------------------------------------------------------------------------------------------------------- presets
CREATE TABLE content.presets (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL,                                    -- identity.tenants
    project_id    uuid,                                             -- NULL: for any template
    kind          text NOT NULL CHECK (kind IN ('style', 'color', 'text', 'motion', 'export')),
    code          text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,63}$'),
    labels        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192),   -- by locale
    "values"      jsonb NOT NULL CHECK (jsonb_typeof("values") = 'object' AND octet_length("values"::text) <= 65536),
    thumb_file_id uuid,                                             -- file_mgr.files
    is_default    boolean NOT NULL DEFAULT false,
    visibility    text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('private', 'tenant', 'public')),
    sort          int NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    row_version   bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, project_id, kind, code),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX presets_one_default ON content.presets (tenant_id, project_id, kind) NULLS NOT DISTINCT WHERE is_default;
CREATE INDEX presets_in_order ON content.presets (tenant_id, project_id, kind, sort, id);
CALL app.rls_r2('content.presets', 'content', 'visibility = ''public'' AND (project_id IS NULL OR EXISTS (SELECT FROM content.projects AS parent
    WHERE parent.tenant_id = presets.tenant_id AND parent.id = presets.project_id))');
GRANT SELECT, INSERT, DELETE, UPDATE (code, labels, "values", thumb_file_id, is_default, visibility, sort) ON content.presets TO fr_content;
GRANT SELECT ON content.presets TO fr_content_worker;

COMMIT;
