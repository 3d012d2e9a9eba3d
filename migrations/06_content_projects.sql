-- 06_content_projects: templates. A project is what the catalogue shows; a version is what a render points at, and never changes
-- once frozen.

BEGIN;
SET LOCAL ROLE fr_owner_content;

-- ------------------------------------------------------------------------------------------------------------ projects
CREATE TABLE content.projects (
    id                 uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id          uuid NOT NULL,                               -- identity.tenants
    slug               text NOT NULL CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){0,79}$'),
    kind               text NOT NULL DEFAULT 'video' CHECK (kind IN ('video', 'image', 'gif', 'logo_reveal', 'slideshow', 'story')),
    engine             text NOT NULL DEFAULT 'after_effects' CHECK (engine IN ('after_effects', 'native', 'lottie', 'html')),
    status             text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'in_review', 'published', 'archived')),
    visibility         text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('private', 'tenant', 'public')),
    width              int NOT NULL CHECK (width BETWEEN 16 AND 16384),
    height             int NOT NULL CHECK (height BETWEEN 16 AND 16384),
    aspect             text GENERATED ALWAYS AS ((width / gcd(width, height))::text || ':' || (height / gcd(width, height))::text) STORED,
    fps_num            int NOT NULL CHECK (fps_num > 0),
    fps_den            int NOT NULL DEFAULT 1 CHECK (fps_den > 0),
    duration_frames    bigint NOT NULL CHECK (duration_frames > 0),
    min_plan_code      text CHECK (min_plan_code ~ '^[a-z][a-z0-9_]{0,62}$'),     -- identity.plans
    price_credits      int NOT NULL DEFAULT 0 CHECK (price_credits >= 0),
    current_version_id uuid,
    cover_file_id      uuid,                                        -- file_mgr.files
    preview_file_id    uuid,                                        -- file_mgr.files
    popularity         numeric(12, 4) NOT NULL DEFAULT 0 CHECK (popularity >= 0),
    render_count       bigint NOT NULL DEFAULT 0 CHECK (render_count >= 0),
    published_at       timestamptz,
    created_by         uuid,                                        -- identity.users
    updated_by         uuid,                                        -- identity.users
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    deleted_at         timestamptz,
    row_version        bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    CHECK (fps_num::bigint BETWEEN fps_den AND 120 * fps_den::bigint),
    CHECK (status <> 'published' OR (published_at IS NOT NULL AND current_version_id IS NOT NULL))
);
CREATE UNIQUE INDEX projects_slug ON content.projects (tenant_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX projects_published ON content.projects (tenant_id, published_at DESC, id DESC) WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX projects_popular ON content.projects (tenant_id, popularity DESC, id DESC) WHERE status = 'published' AND deleted_at IS NULL;

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('project', 'draft', 'in_review'), ('project', 'draft', 'published'), ('project', 'draft', 'archived'),
    ('project', 'in_review', 'draft'), ('project', 'in_review', 'published'),
    ('project', 'published', 'draft'), ('project', 'published', 'archived'),
    ('project', 'archived', 'draft'), ('project', 'archived', 'published');
CREATE TRIGGER check_status BEFORE UPDATE OF status ON content.projects
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('project', 'status');

CALL app.rls_r2('content.projects', 'content', 'visibility = ''public'' AND status = ''published'' AND deleted_at IS NULL');
GRANT SELECT, INSERT (id, tenant_id, slug, kind, engine, visibility, width, height, fps_num, fps_den, duration_frames, min_plan_code,
        price_credits, cover_file_id, preview_file_id, created_by, updated_by),
    UPDATE (slug, kind, status, visibility, width, height, fps_num, fps_den, duration_frames, min_plan_code, price_credits,
        current_version_id, cover_file_id, preview_file_id, published_at, updated_by, deleted_at) ON content.projects TO fr_content;
GRANT SELECT, DELETE, UPDATE (popularity, render_count) ON content.projects TO fr_content_worker;

CREATE TABLE content.project_translations (
    tenant_id       uuid NOT NULL,
    project_id      uuid NOT NULL,
    locale          text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    description     text CHECK (length(description) <= 10000),
    seo_title       text CHECK (length(seo_title) <= 200),
    seo_description text CHECK (length(seo_description) <= 500),
    status          text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
    search          tsvector GENERATED ALWAYS AS (
                        to_tsvector(CASE WHEN locale LIKE 'en%' THEN 'english'::regconfig ELSE 'simple'::regconfig END,
                            app.fa_norm(title || ' ' || coalesce(description, '')))) STORED,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, project_id, locale),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX project_translations_locale ON content.project_translations (locale);
CREATE INDEX project_translations_search ON content.project_translations USING gin (search);
CALL app.rls_r2('content.project_translations', 'content', 'status = ''published'' AND EXISTS (SELECT FROM content.projects AS parent
    WHERE parent.tenant_id = project_translations.tenant_id AND parent.id = project_translations.project_id)');
GRANT SELECT, INSERT, DELETE, UPDATE (title, description, seo_title, seo_description, status) ON content.project_translations TO fr_content;
GRANT SELECT ON content.project_translations TO fr_content_worker;

CREATE TABLE content.project_categories (
    tenant_id   uuid NOT NULL,
    project_id  uuid NOT NULL,
    category_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, project_id, category_id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, category_id) REFERENCES content.categories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX project_categories_category ON content.project_categories (tenant_id, category_id);
CALL app.rls_r2_of('content.project_categories', 'content', 'content.projects', 'project_id');
GRANT SELECT, INSERT, DELETE ON content.project_categories TO fr_content;
GRANT SELECT ON content.project_categories TO fr_content_worker;

CREATE TABLE content.project_tags (
    tenant_id  uuid NOT NULL,
    project_id uuid NOT NULL,
    tag_id     uuid NOT NULL,
    PRIMARY KEY (tenant_id, project_id, tag_id),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, tag_id) REFERENCES content.tags (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX project_tags_tag ON content.project_tags (tenant_id, tag_id);
CALL app.rls_r2_of('content.project_tags', 'content', 'content.projects', 'project_id');
GRANT SELECT, INSERT, DELETE ON content.project_tags TO fr_content;
GRANT SELECT ON content.project_tags TO fr_content_worker;

-- ------------------------------------------------------------------------------------------------------------ versions
CREATE TABLE content.project_versions (
    id               uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id        uuid NOT NULL,
    project_id       uuid NOT NULL,
    n                int NOT NULL CHECK (n > 0),
    package_file_id  uuid NOT NULL,                                 -- file_mgr.files
    package_sha256   bytea NOT NULL CHECK (octet_length(package_sha256) = 32),    -- the template package's digest, as the farm knows it
    comp_name        text NOT NULL CHECK (length(comp_name) BETWEEN 1 AND 255),
    manifest         jsonb NOT NULL CHECK (jsonb_typeof(manifest) = 'object' AND octet_length(manifest::text) <= 1048576),
    ae_min_version   text CHECK (ae_min_version ~ '^[0-9]{1,3}(\.[0-9]{1,3}){0,2}$'),
    required_effects text[] NOT NULL DEFAULT '{}' CHECK (cardinality(required_effects) <= 500),
    required_fonts   text[] NOT NULL DEFAULT '{}' CHECK (cardinality(required_fonts) <= 500),   -- PostScript names
    splitting        text NOT NULL DEFAULT 'free' CHECK (splitting IN ('free', 'costly', 'never')),
    changelog        text CHECK (length(changelog) <= 4000),
    validated_at     timestamptz,
    validation       jsonb CHECK (octet_length(validation::text) <= 262144),
    frozen_at        timestamptz CHECK (frozen_at IS NULL OR validated_at IS NOT NULL),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, project_id, id),
    UNIQUE (tenant_id, project_id, n),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE RESTRICT
);
CREATE INDEX project_versions_package ON content.project_versions (package_sha256);
ALTER TABLE content.projects ADD CONSTRAINT projects_current_version_fkey
    FOREIGN KEY (tenant_id, id, current_version_id) REFERENCES content.project_versions (tenant_id, project_id, id) ON DELETE RESTRICT;
CREATE INDEX projects_current_version ON content.projects (tenant_id, id, current_version_id);

-- A frozen version, and what belongs to it, stays as it is: renders of last year must come out the same. Argument: how the row finds
-- its version: 'version' (it is one), 'version_id', or 'scene_id'.
CREATE FUNCTION content.keep_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows_of jsonb[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY[to_jsonb(NEW)] WHEN 'DELETE' THEN ARRAY[to_jsonb(OLD)]
                                  ELSE ARRAY[to_jsonb(OLD), to_jsonb(NEW)] END;
    one jsonb;
    frozen boolean;
BEGIN
    FOREACH one IN ARRAY rows_of LOOP
        frozen := CASE TG_ARGV[0]
            WHEN 'version' THEN true -- the trigger's own WHEN has looked
            WHEN 'version_id' THEN EXISTS (SELECT FROM content.project_versions v
                WHERE v.tenant_id = (one ->> 'tenant_id')::uuid AND v.id = (one ->> 'version_id')::uuid AND v.frozen_at IS NOT NULL)
            ELSE EXISTS (SELECT FROM content.scenes s JOIN content.project_versions v ON v.tenant_id = s.tenant_id AND v.id = s.version_id
                WHERE s.tenant_id = (one ->> 'tenant_id')::uuid AND s.id = (one ->> 'scene_id')::uuid AND v.frozen_at IS NOT NULL)
        END;
        IF frozen THEN
            RAISE EXCEPTION '% on %.% is refused: the version is frozen', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
                USING ERRCODE = 'P0403', HINT = 'make a new version';
        END IF;
    END LOOP;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION content.keep_frozen() FROM PUBLIC;
CREATE TRIGGER keep_frozen BEFORE UPDATE OR DELETE ON content.project_versions
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION content.keep_frozen('version');

CALL app.rls_r2('content.project_versions', 'content', 'frozen_at IS NOT NULL AND EXISTS (SELECT FROM content.projects AS parent
    WHERE parent.tenant_id = project_versions.tenant_id AND parent.id = project_versions.project_id)');
GRANT SELECT, INSERT, DELETE, UPDATE (comp_name, manifest, ae_min_version, required_effects, required_fonts, splitting, changelog,
    validated_at, validation, frozen_at) ON content.project_versions TO fr_content;
GRANT SELECT, UPDATE (manifest, ae_min_version, required_effects, required_fonts, splitting, validated_at, validation)
    ON content.project_versions TO fr_content_worker;

-- What a customer may set. The target (layer, property) is set by template authors only; the customer's text never chooses it.
CREATE TABLE content.project_variables (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,
    version_id  uuid NOT NULL,
    key         text NOT NULL CHECK (key ~ '^[a-z][a-z0-9_]{0,63}$'),
    type        text NOT NULL CHECK (type IN ('text', 'rich_text', 'color', 'image', 'video', 'audio', 'number', 'boolean', 'enum', 'date',
                    'font', 'url')),
    target      jsonb NOT NULL CHECK (jsonb_typeof(target) = 'object' AND octet_length(target::text) <= 4096),
    required    boolean NOT NULL DEFAULT false,
    fallback    jsonb CHECK (octet_length(fallback::text) <= 16384),              -- the value when none is given
    constraints jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(constraints) = 'object' AND octet_length(constraints::text) <= 16384),
    labels      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192),     -- by locale
    section     text CHECK (length(section) <= 100),
    sort        int NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, version_id, key),
    FOREIGN KEY (tenant_id, version_id) REFERENCES content.project_versions (tenant_id, id) ON DELETE CASCADE
);
CREATE TRIGGER keep_frozen BEFORE INSERT OR UPDATE OR DELETE ON content.project_variables
    FOR EACH ROW EXECUTE FUNCTION content.keep_frozen('version_id');
CALL app.rls_r2_of('content.project_variables', 'content', 'content.project_versions', 'version_id');
GRANT SELECT, INSERT, DELETE, UPDATE (type, target, required, fallback, constraints, labels, section, sort)
    ON content.project_variables TO fr_content;
GRANT SELECT ON content.project_variables TO fr_content_worker;

-- -------------------------------------------------------------------------------------------------------- SVG previews
-- An image traced to an SVG whose paths belong to roles of a palette, so that a browser can recolour it. Same image and settings:
-- same bytes, found again.
CREATE TABLE content.template_svg_previews (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    project_id     uuid NOT NULL,
    version_id     uuid,
    source_file_id uuid NOT NULL,                                   -- file_mgr.files
    source_sha256  bytea NOT NULL CHECK (octet_length(source_sha256) = 32),
    params_hash    bytea NOT NULL CHECK (octet_length(params_hash) = 32),
    state          text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    svg_file_id    uuid,                                            -- file_mgr.files
    palette        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(palette) = 'object' AND octet_length(palette::text) <= 8192),   -- role: #rrggbb
    slots          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(slots) = 'object' AND octet_length(slots::text) <= 262144),     -- path id: role
    width          int CHECK (width BETWEEN 1 AND 16384),
    height         int CHECK (height BETWEEN 1 AND 16384),
    path_count     int CHECK (path_count BETWEEN 0 AND 5000),
    size_bytes     int CHECK (size_bytes BETWEEN 1 AND 2097152),
    tracer         text CHECK (length(tracer) <= 100),
    tracer_version text CHECK (length(tracer_version) <= 40),
    error          text CHECK (length(error) <= 1000),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, project_id, source_sha256, params_hash),
    FOREIGN KEY (tenant_id, project_id) REFERENCES content.projects (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, project_id, version_id) REFERENCES content.project_versions (tenant_id, project_id, id) ON DELETE RESTRICT,
    CHECK ((state = 'done') = (svg_file_id IS NOT NULL)),
    CHECK (state <> 'done' OR (width IS NOT NULL AND height IS NOT NULL AND path_count IS NOT NULL AND size_bytes IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL))
);
CREATE INDEX template_svg_previews_version ON content.template_svg_previews (tenant_id, project_id, version_id);
CREATE INDEX template_svg_previews_open ON content.template_svg_previews (created_at) WHERE state IN ('queued', 'running');
CALL app.rls_r2_of('content.template_svg_previews', 'content', 'content.projects', 'project_id');
GRANT SELECT, INSERT (id, tenant_id, project_id, version_id, source_file_id, source_sha256, params_hash), DELETE, UPDATE (palette)
    ON content.template_svg_previews TO fr_content;
GRANT SELECT, UPDATE (state, svg_file_id, palette, slots, width, height, path_count, size_bytes, tracer, tracer_version, error)
    ON content.template_svg_previews TO fr_content_worker;

COMMIT;
