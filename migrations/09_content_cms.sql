-- 09_content_cms: the site around the catalogue. Blogs, slides, and the settings of the article generator.

BEGIN;
SET LOCAL ROLE fr_owner_content;

-- --------------------------------------------------------------------------------------------------------------- blogs
CREATE TABLE content.blogs (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL,                                    -- identity.tenants
    status        text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'in_review', 'scheduled', 'published', 'archived')),
    origin        text NOT NULL DEFAULT 'person' CHECK (origin IN ('person', 'generated')),
    author_id     uuid,                                             -- identity.users
    category_id   uuid,
    cover_file_id uuid,                                             -- file_mgr.files
    canonical_url text CHECK (canonical_url ~ '^https://[^[:space:]]+$' AND length(canonical_url) <= 2048),
    reading_min   int CHECK (reading_min BETWEEN 0 AND 1000),
    view_count    bigint NOT NULL DEFAULT 0 CHECK (view_count >= 0),
    scheduled_at  timestamptz,
    published_at  timestamptz,
    created_by    uuid,                                             -- identity.users
    updated_by    uuid,                                             -- identity.users
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    row_version   bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, category_id) REFERENCES content.categories (tenant_id, id) ON DELETE SET NULL (category_id),
    CHECK (status <> 'scheduled' OR scheduled_at IS NOT NULL),
    CHECK (status <> 'published' OR published_at IS NOT NULL)
);
CREATE INDEX blogs_published ON content.blogs (tenant_id, published_at DESC, id DESC) WHERE status = 'published' AND deleted_at IS NULL;
CREATE INDEX blogs_newest ON content.blogs (tenant_id, created_at DESC, id DESC);
CREATE INDEX blogs_category ON content.blogs (tenant_id, category_id);
CREATE INDEX blogs_scheduled ON content.blogs (scheduled_at) WHERE status = 'scheduled' AND deleted_at IS NULL;

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('blog', 'draft', 'in_review'), ('blog', 'draft', 'scheduled'), ('blog', 'draft', 'published'), ('blog', 'draft', 'archived'),
    ('blog', 'in_review', 'draft'), ('blog', 'in_review', 'scheduled'), ('blog', 'in_review', 'published'),
    ('blog', 'scheduled', 'draft'), ('blog', 'scheduled', 'published'), ('blog', 'published', 'draft'), ('blog', 'published', 'archived'),
    ('blog', 'archived', 'draft'), ('blog', 'archived', 'published');
CREATE TRIGGER check_status BEFORE UPDATE OF status ON content.blogs
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('blog', 'status');

-- What a machine wrote is published by a person: it begins as a draft.
ALTER TABLE content.blogs ADD CONSTRAINT blogs_generated_by_someone CHECK (origin <> 'generated' OR status <> 'published' OR updated_by IS NOT NULL);

CALL app.rls_r2('content.blogs', 'content', 'status = ''published'' AND deleted_at IS NULL');
GRANT SELECT, INSERT (id, tenant_id, origin, author_id, category_id, cover_file_id, canonical_url, reading_min, created_by, updated_by),
    UPDATE (status, author_id, category_id, cover_file_id, canonical_url, reading_min, scheduled_at, published_at, updated_by, deleted_at)
    ON content.blogs TO fr_content;
GRANT SELECT, INSERT, DELETE, UPDATE (status, published_at, view_count) ON content.blogs TO fr_content_worker;

CREATE TABLE content.blog_translations (
    tenant_id         uuid NOT NULL,
    blog_id           uuid NOT NULL,
    locale            text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    slug              text NOT NULL CHECK (length(slug) BETWEEN 1 AND 200 AND slug !~ '[[:space:][:cntrl:]/?#%\\]'),    -- Persian slugs are usual
    title             text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    excerpt           text CHECK (length(excerpt) <= 2000),
    body_md           text NOT NULL DEFAULT '' CHECK (octet_length(body_md) <= 1048576),
    body_html         text NOT NULL DEFAULT '' CHECK (octet_length(body_html) <= 2097152),        -- sanitised by the writer
    sanitizer_version int NOT NULL DEFAULT 1 CHECK (sanitizer_version > 0),
    article           jsonb CHECK (jsonb_typeof(article) = 'object' AND octet_length(article::text) <= 1048576),  -- the structured article of the generator
    seo_title         text CHECK (length(seo_title) <= 200),
    seo_description   text CHECK (length(seo_description) <= 500),
    seo_keywords      text[] NOT NULL DEFAULT '{}' CHECK (cardinality(seo_keywords) <= 50),
    status            text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published')),
    search            tsvector GENERATED ALWAYS AS (
                          setweight(to_tsvector(CASE WHEN locale LIKE 'en%' THEN 'english'::regconfig ELSE 'simple'::regconfig END,
                              app.fa_norm(title)), 'A') ||
                          setweight(to_tsvector(CASE WHEN locale LIKE 'en%' THEN 'english'::regconfig ELSE 'simple'::regconfig END,
                              app.fa_norm(left(body_md, 100000))), 'C')) STORED,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    row_version       bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, blog_id, locale),
    UNIQUE (tenant_id, locale, slug),
    FOREIGN KEY (tenant_id, blog_id) REFERENCES content.blogs (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX blog_translations_locale ON content.blog_translations (locale);
CREATE INDEX blog_translations_search ON content.blog_translations USING gin (search);
CALL app.rls_r2('content.blog_translations', 'content', 'status = ''published'' AND EXISTS (SELECT FROM content.blogs AS parent
    WHERE parent.tenant_id = blog_translations.tenant_id AND parent.id = blog_translations.blog_id)');
GRANT SELECT, INSERT, DELETE, UPDATE (slug, title, excerpt, body_md, body_html, sanitizer_version, article, seo_title, seo_description,
    seo_keywords, status) ON content.blog_translations TO fr_content;
GRANT SELECT, INSERT, UPDATE (body_html, sanitizer_version, status) ON content.blog_translations TO fr_content_worker;

-- -------------------------------------------------------------------------------------------------------------- slides
CREATE TABLE content.slides (
    id              uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id       uuid NOT NULL,                                  -- identity.tenants
    placement       text NOT NULL DEFAULT 'home' CHECK (placement ~ '^[a-z][a-z0-9_]{0,63}$'),
    desktop_file_id uuid NOT NULL,                                  -- file_mgr.files
    mobile_file_id  uuid,                                           -- file_mgr.files
    link_url        text CHECK (length(link_url) <= 2048 AND link_url ~ '^(https://[^[:space:]]+|/([^/\\[:space:]][^[:space:]]*)?)$'),
    audience        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(audience) = 'object' AND octet_length(audience::text) <= 4096),
    status          text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'published', 'archived')),
    visibility      text NOT NULL DEFAULT 'tenant' CHECK (visibility IN ('tenant', 'public')),
    starts_at       timestamptz,
    ends_at         timestamptz CHECK (ends_at > starts_at),
    sort            int NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    row_version     bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id)
);
CREATE INDEX slides_in_order ON content.slides (tenant_id, placement, sort, id);
CALL app.rls_r2('content.slides', 'content', 'visibility = ''public'' AND status = ''published''');
GRANT SELECT, INSERT, DELETE, UPDATE (placement, desktop_file_id, mobile_file_id, link_url, audience, status, visibility, starts_at,
    ends_at, sort) ON content.slides TO fr_content;
GRANT SELECT ON content.slides TO fr_content_worker;

CREATE TABLE content.slide_translations (
    tenant_id  uuid NOT NULL,
    slide_id   uuid NOT NULL,
    locale     text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
    subtitle   text CHECK (length(subtitle) <= 500),
    button     text CHECK (length(button) <= 60),
    alt_text   text CHECK (length(alt_text) <= 300),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, slide_id, locale),
    FOREIGN KEY (tenant_id, slide_id) REFERENCES content.slides (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX slide_translations_locale ON content.slide_translations (locale);
CALL app.rls_r2_of('content.slide_translations', 'content', 'content.slides', 'slide_id');
GRANT SELECT, INSERT, DELETE, UPDATE (title, subtitle, button, alt_text) ON content.slide_translations TO fr_content;
GRANT SELECT ON content.slide_translations TO fr_content_worker;

-- --------------------------------------------------------------------------------------------- the article generator
-- One row a tenant: any server that speaks the OpenAI-compatible protocol, at a base URL of the tenant's choice among the hosts that
-- the platform allows it. The request role can write the key and never read it.
CREATE TABLE content.ai_settings (
    tenant_id         uuid PRIMARY KEY,                             -- identity.tenants
    enabled           boolean NOT NULL DEFAULT false,
    base_url          text CHECK (base_url ~ '^https://[^[:space:]/@?#]+(/[^[:space:]@?#]*)?$' AND length(base_url) <= 2048),
    allowed_hosts     text[] NOT NULL DEFAULT '{api.openai.com}' CHECK (cardinality(allowed_hosts) BETWEEN 1 AND 32),
    model             text CHECK (length(model) BETWEEN 1 AND 200),
    api_key_enc       bytea CHECK (octet_length(api_key_enc) BETWEEN 16 AND 4096),
    kek_id            text CHECK (length(kek_id) BETWEEN 1 AND 100),
    api_key_last4     text CHECK (length(api_key_last4) = 4),
    temperature       numeric(3, 2) NOT NULL DEFAULT 0.70 CHECK (temperature BETWEEN 0 AND 2),
    max_tokens        int NOT NULL DEFAULT 4096 CHECK (max_tokens BETWEEN 1 AND 200000),
    monthly_token_cap bigint NOT NULL DEFAULT 1000000 CHECK (monthly_token_cap >= 0),
    system_prompt     text CHECK (octet_length(system_prompt) <= 32768),
    timeout_s         int NOT NULL DEFAULT 60 CHECK (timeout_s BETWEEN 1 AND 600),
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    row_version       bigint NOT NULL DEFAULT 1,
    CHECK ((api_key_enc IS NULL) = (kek_id IS NULL)),
    CHECK (api_key_last4 IS NULL OR api_key_enc IS NOT NULL),
    CHECK (NOT enabled OR (base_url IS NOT NULL AND model IS NOT NULL)),
    CONSTRAINT ai_settings_host_allowed CHECK (lower(substring(base_url FROM '^https://([^/:]+)')) = ANY (allowed_hosts))
);

-- A key is for one server. Whoever points base_url at another one must bring another key: the old one does not go there.
CREATE FUNCTION content.forget_ai_key() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.api_key_enc IS NOT DISTINCT FROM OLD.api_key_enc THEN
        NEW.api_key_enc := NULL;
        NEW.kek_id := NULL;
        NEW.api_key_last4 := NULL;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION content.forget_ai_key() FROM PUBLIC;
CREATE TRIGGER forget_key BEFORE UPDATE ON content.ai_settings
    FOR EACH ROW WHEN (OLD.base_url IS DISTINCT FROM NEW.base_url) EXECUTE FUNCTION content.forget_ai_key();

CALL app.rls_r1('content.ai_settings', 'content');
GRANT SELECT (tenant_id, enabled, base_url, allowed_hosts, model, api_key_last4, temperature, max_tokens, monthly_token_cap,
        system_prompt, timeout_s, created_at, updated_at, row_version),
    INSERT (tenant_id, enabled, base_url, model, api_key_enc, kek_id, api_key_last4, temperature, max_tokens, system_prompt, timeout_s),
    UPDATE (enabled, base_url, model, api_key_enc, kek_id, api_key_last4, temperature, max_tokens, system_prompt, timeout_s)
    ON content.ai_settings TO fr_content;
GRANT SELECT, INSERT, UPDATE (enabled, allowed_hosts, api_key_enc, kek_id, monthly_token_cap) ON content.ai_settings TO fr_content_worker;

-- Each article asked for: what it cost, and which draft came of it.
CREATE TABLE content.ai_generations (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,                                      -- identity.tenants
    kind        text NOT NULL DEFAULT 'seo_article' CHECK (kind IN ('seo_article')),
    state       text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
    locale      text NOT NULL REFERENCES content.locales ON DELETE RESTRICT,
    input       jsonb NOT NULL CHECK (jsonb_typeof(input) = 'object' AND octet_length(input::text) <= 32768),
    model       text CHECK (length(model) <= 200),
    tokens_in   int NOT NULL DEFAULT 0 CHECK (tokens_in >= 0),
    tokens_out  int NOT NULL DEFAULT 0 CHECK (tokens_out >= 0),
    error       text CHECK (length(error) <= 1000),
    blog_id     uuid,
    created_by  uuid NOT NULL,                                      -- identity.users
    accepted_by uuid,                                               -- identity.users
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, blog_id) REFERENCES content.blogs (tenant_id, id) ON DELETE SET NULL (blog_id),
    CHECK ((state = 'failed') = (error IS NOT NULL)),
    CHECK (accepted_by IS NULL OR state = 'done')
);
CREATE INDEX ai_generations_newest ON content.ai_generations (tenant_id, created_at DESC, id DESC);
CREATE INDEX ai_generations_blog ON content.ai_generations (tenant_id, blog_id);
CREATE INDEX ai_generations_locale ON content.ai_generations (locale);
CREATE INDEX ai_generations_open ON content.ai_generations (created_at) WHERE state IN ('queued', 'running');
CALL app.rls_r1('content.ai_generations', 'content');
GRANT SELECT, INSERT (id, tenant_id, kind, locale, input, created_by), UPDATE (accepted_by) ON content.ai_generations TO fr_content;
GRANT SELECT, UPDATE (state, model, tokens_in, tokens_out, error, blog_id) ON content.ai_generations TO fr_content_worker;

COMMIT;
