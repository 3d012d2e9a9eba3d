-- 05_content_taxonomy: how the catalogue is ordered. Locales, categories, tags, fonts.

BEGIN;
SET LOCAL ROLE fr_owner_content;

CALL app.outbox_stamp('content', 'content');

-- ------------------------------------------------------------------------------------------------------------- locales
CREATE TABLE content.locales (
    code      text PRIMARY KEY CHECK (code ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    direction text NOT NULL CHECK (direction IN ('rtl', 'ltr')),
    calendar  text NOT NULL CHECK (calendar IN ('jalali', 'gregorian')),
    digits    text NOT NULL CHECK (digits IN ('persian', 'latin')),
    fallback  text REFERENCES content.locales ON DELETE RESTRICT CHECK (fallback <> code),
    enabled   boolean NOT NULL DEFAULT true
);
CREATE INDEX locales_fallback ON content.locales (fallback);
INSERT INTO content.locales (code, name, direction, calendar, digits, fallback) VALUES
    ('en', 'English', 'ltr', 'gregorian', 'latin', NULL),
    ('fa', 'فارسی', 'rtl', 'jalali', 'persian', 'en');
CALL app.rls_r0('content.locales', 'content');
GRANT SELECT ON content.locales TO fr_content, fr_content_worker;

-- ---------------------------------------------------------------------------------------------------------- categories
CREATE TABLE content.categories (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL,                                    -- identity.tenants
    parent_id     uuid,
    path          text NOT NULL,                                    -- set by the trigger, as is depth
    depth         int NOT NULL CHECK (depth BETWEEN 0 AND 5),
    slug          text NOT NULL CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){0,79}$'),
    sort          int NOT NULL DEFAULT 0,
    visibility    text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('private', 'tenant', 'public')),
    icon_file_id  uuid,                                             -- file_mgr.files
    cover_file_id uuid,                                             -- file_mgr.files
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    row_version   bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES content.categories (tenant_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX categories_slug ON content.categories (tenant_id, parent_id, slug) NULLS NOT DISTINCT WHERE deleted_at IS NULL;
CREATE INDEX categories_children ON content.categories (tenant_id, parent_id, sort, id);
CREATE INDEX categories_path ON content.categories (tenant_id, path text_pattern_ops);
CREATE TRIGGER place BEFORE INSERT OR UPDATE OF parent_id ON content.categories FOR EACH ROW EXECUTE FUNCTION app.tree_place('5');
CREATE TRIGGER place_children AFTER UPDATE OF parent_id ON content.categories
    FOR EACH ROW WHEN (OLD.path IS DISTINCT FROM NEW.path) EXECUTE FUNCTION app.tree_follow();
CALL app.rls_r2('content.categories', 'content', 'visibility = ''public'' AND deleted_at IS NULL');
GRANT SELECT, INSERT (id, tenant_id, parent_id, slug, sort, visibility, icon_file_id, cover_file_id),
    UPDATE (parent_id, slug, sort, visibility, icon_file_id, cover_file_id, deleted_at) ON content.categories TO fr_content;
GRANT SELECT, DELETE ON content.categories TO fr_content_worker;

CREATE TABLE content.category_translations (
    tenant_id       uuid NOT NULL,
    category_id     uuid NOT NULL,
    locale          text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    name_norm       text GENERATED ALWAYS AS (app.fa_norm(name)) STORED,
    description     text CHECK (length(description) <= 2000),
    seo_title       text CHECK (length(seo_title) <= 200),
    seo_description text CHECK (length(seo_description) <= 500),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, category_id, locale),
    FOREIGN KEY (tenant_id, category_id) REFERENCES content.categories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX category_translations_locale ON content.category_translations (locale);
CALL app.rls_r2_of('content.category_translations', 'content', 'content.categories', 'category_id');
GRANT SELECT, INSERT, DELETE, UPDATE (name, description, seo_title, seo_description) ON content.category_translations TO fr_content;
GRANT SELECT ON content.category_translations TO fr_content_worker;

-- ---------------------------------------------------------------------------------------------------------------- tags
CREATE TABLE content.tags (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,                                      -- identity.tenants
    slug        text NOT NULL CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){0,79}$'),
    kind        text NOT NULL DEFAULT 'topic' CHECK (kind IN ('topic', 'style', 'mood', 'industry', 'aspect')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, slug)
);
CALL app.rls_r2('content.tags', 'content', 'true');
GRANT SELECT, INSERT, DELETE, UPDATE (slug, kind) ON content.tags TO fr_content;
GRANT SELECT ON content.tags TO fr_content_worker;

CREATE TABLE content.tag_translations (
    tenant_id  uuid NOT NULL,
    tag_id     uuid NOT NULL,
    locale     text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    name_norm  text GENERATED ALWAYS AS (app.fa_norm(name)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, tag_id, locale),
    FOREIGN KEY (tenant_id, tag_id) REFERENCES content.tags (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX tag_translations_locale ON content.tag_translations (locale);
CREATE INDEX tag_translations_name ON content.tag_translations USING gin (name_norm public.gin_trgm_ops);
CALL app.rls_r2_of('content.tag_translations', 'content', 'content.tags', 'tag_id');
GRANT SELECT, INSERT, DELETE, UPDATE (name) ON content.tag_translations TO fr_content;
GRANT SELECT ON content.tag_translations TO fr_content_worker;

-- --------------------------------------------------------------------------------------------------------------- fonts
CREATE TABLE content.fonts (
    id              uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id       uuid NOT NULL,                                  -- identity.tenants
    family          text NOT NULL CHECK (length(family) BETWEEN 1 AND 200),
    postscript_name text NOT NULL CHECK (length(postscript_name) BETWEEN 1 AND 127 AND postscript_name ~ '^[!-~]+$'),
    style           text NOT NULL DEFAULT 'Regular' CHECK (length(style) BETWEEN 1 AND 100),
    weight          int NOT NULL DEFAULT 400 CHECK (weight BETWEEN 1 AND 1000),
    italic          boolean NOT NULL DEFAULT false,
    file_id         uuid NOT NULL,                                  -- file_mgr.files
    sha256          bytea NOT NULL CHECK (octet_length(sha256) = 32),
    scripts         text[] NOT NULL DEFAULT '{}' CHECK (cardinality(scripts) <= 64),      -- ISO 15924: Arab, Latn
    has_persian     boolean NOT NULL DEFAULT false,                 -- covers Persian's own four letters
    license         text NOT NULL CHECK (length(license) BETWEEN 1 AND 200),
    license_file_id uuid,                                           -- file_mgr.files
    embeddable      boolean NOT NULL,                               -- OS/2 fsType
    variable_axes   jsonb CHECK (octet_length(variable_axes::text) <= 8192),
    visibility      text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('private', 'tenant', 'public')),
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    row_version     bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    CHECK (NOT has_persian OR 'Arab' = ANY (scripts))
);
CREATE UNIQUE INDEX fonts_postscript_name ON content.fonts (tenant_id, postscript_name) WHERE deleted_at IS NULL;
CREATE INDEX fonts_family ON content.fonts (tenant_id, family, weight, italic) WHERE deleted_at IS NULL;
CREATE INDEX fonts_sha256 ON content.fonts (sha256);
CALL app.rls_r2('content.fonts', 'content', 'visibility = ''public'' AND deleted_at IS NULL');
GRANT SELECT, INSERT, UPDATE (family, style, weight, italic, license, license_file_id, visibility, deleted_at) ON content.fonts TO fr_content;
GRANT SELECT, DELETE ON content.fonts TO fr_content_worker;

COMMIT;
