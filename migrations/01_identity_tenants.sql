-- 01_identity_tenants: who FlatRender serves. Tenants, and what hangs off them: branding, API keys, webhooks, usage, request logs.

BEGIN;
SET LOCAL ROLE fr_owner_identity;

CALL app.outbox_stamp('identity', 'identity');

-- ------------------------------------------------------------------------------------------------------------- tenants
CREATE TABLE identity.tenants (
    id               uuid PRIMARY KEY DEFAULT app.uuid7(),
    slug             text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9](-?[a-z0-9]){1,40}$'),
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    kind             text NOT NULL DEFAULT 'reseller' CHECK (kind IN ('platform', 'reseller', 'internal')),
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'trial', 'suspended', 'closed')),
    parent_id        uuid REFERENCES identity.tenants ON DELETE RESTRICT CHECK (parent_id <> id),
    default_locale   text NOT NULL DEFAULT 'fa' CHECK (default_locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    timezone         text NOT NULL DEFAULT 'Asia/Tehran' CHECK (length(timezone) BETWEEN 1 AND 64),
    calendar         text NOT NULL DEFAULT 'jalali' CHECK (calendar IN ('jalali', 'gregorian')),
    currency         char(3) NOT NULL DEFAULT 'IRR' CHECK (currency ~ '^[A-Z]{3}$'),
    billing_email    text CHECK (length(billing_email) BETWEEN 3 AND 254 AND position('@' IN billing_email) > 1),
    data_region      text CHECK (length(data_region) BETWEEN 1 AND 64),
    suspended_reason text CHECK (length(suspended_reason) <= 1000),
    settings         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object' AND octet_length(settings::text) <= 32768),
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    row_version      bigint NOT NULL DEFAULT 1,
    CHECK (status <> 'suspended' OR suspended_reason IS NOT NULL)
);
CREATE INDEX tenants_parent ON identity.tenants (parent_id);

CREATE FUNCTION identity.keep_default_tenant() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.id <> OLD.id OR NEW.deleted_at IS NOT NULL OR NEW.status <> 'active' OR NEW.kind <> 'platform' THEN
        RAISE EXCEPTION 'the default tenant cannot be deleted, suspended, closed or changed in kind' USING ERRCODE = 'P0403';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION identity.keep_default_tenant() FROM PUBLIC;
CREATE TRIGGER keep_default_tenant_update BEFORE UPDATE ON identity.tenants
    FOR EACH ROW WHEN (OLD.id = '00000000-0000-0000-0000-000000000001') EXECUTE FUNCTION identity.keep_default_tenant();
CREATE TRIGGER keep_default_tenant_delete BEFORE DELETE ON identity.tenants
    FOR EACH ROW WHEN (OLD.id = '00000000-0000-0000-0000-000000000001') EXECUTE FUNCTION identity.keep_default_tenant();

INSERT INTO identity.tenants (id, slug, name, kind)
VALUES ('00000000-0000-0000-0000-000000000001', 'flatrender', 'FlatRender', 'platform');

CALL app.rls_r1('identity.tenants', 'identity', 'id');
-- For the lookups below, which run as the owner before a tenant is known.
CREATE POLICY own_sel ON identity.tenants FOR SELECT TO fr_owner_identity USING (true);
GRANT SELECT, UPDATE (name, default_locale, timezone, calendar, billing_email, settings) ON identity.tenants TO fr_identity;
GRANT SELECT, INSERT, UPDATE (slug, name, kind, status, parent_id, default_locale, timezone, calendar, currency, billing_email,
    data_region, suspended_reason, settings, deleted_at) ON identity.tenants TO fr_identity_worker;

-- The tenant behind a slug, before one is set.
CREATE FUNCTION identity.tenant_lookup(wanted_slug text)
RETURNS TABLE (id uuid, status text, default_locale text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.id, t.status, t.default_locale FROM identity.tenants t WHERE t.slug = wanted_slug AND t.deleted_at IS NULL
$$;
REVOKE ALL ON FUNCTION identity.tenant_lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.tenant_lookup(text) TO fr_identity, fr_identity_worker;

-- ------------------------------------------------------------------------------------------------------------ branding
CREATE TABLE identity.tenant_branding (
    tenant_id         uuid PRIMARY KEY REFERENCES identity.tenants ON DELETE CASCADE,
    product_name      text CHECK (length(product_name) BETWEEN 1 AND 100),
    logo_file_id      uuid,                                         -- file_mgr.files
    favicon_file_id   uuid,                                         -- file_mgr.files
    watermark_file_id uuid,                                         -- file_mgr.files
    watermark_enabled boolean NOT NULL DEFAULT false,
    palette           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(palette) = 'object' AND octet_length(palette::text) <= 8192),
    fonts             jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(fonts) = 'object' AND octet_length(fonts::text) <= 8192),
    email_from_name   text CHECK (length(email_from_name) <= 100 AND email_from_name !~ '[[:cntrl:]]'),
    email_from_addr   text CHECK (length(email_from_addr) <= 254 AND email_from_addr ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    support_url       text CHECK (support_url ~ '^https://[^[:space:]]+$' AND length(support_url) <= 2048),
    terms_url         text CHECK (terms_url ~ '^https://[^[:space:]]+$' AND length(terms_url) <= 2048),
    custom_css        text CHECK (octet_length(custom_css) <= 32768),
    footer_html       text CHECK (octet_length(footer_html) <= 16384),  -- sanitised by the writer
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    row_version       bigint NOT NULL DEFAULT 1,
    CHECK (NOT watermark_enabled OR watermark_file_id IS NOT NULL)
);
INSERT INTO identity.tenant_branding (tenant_id, product_name) VALUES ('00000000-0000-0000-0000-000000000001', 'FlatRender');
CALL app.rls_r1('identity.tenant_branding', 'identity');
GRANT SELECT, INSERT, UPDATE (product_name, logo_file_id, favicon_file_id, watermark_file_id, watermark_enabled, palette, fonts,
    email_from_name, email_from_addr, support_url, terms_url, custom_css, footer_html) ON identity.tenant_branding TO fr_identity;
GRANT SELECT ON identity.tenant_branding TO fr_identity_worker;

-- ------------------------------------------------------------------------------------------------------------ API keys
-- A key is frk_{live|test}_{key_id}_{secret}{checksum}. The secret has at least 192 random bits, so a plain digest of it is enough.
CREATE TABLE identity.tenant_api_keys (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL REFERENCES identity.tenants ON DELETE CASCADE,
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    env           text NOT NULL CHECK (env IN ('live', 'test')),
    key_id        text NOT NULL UNIQUE CHECK (key_id ~ '^[a-z2-7]{16}$'),
    secret_hash   bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    last4         text NOT NULL CHECK (length(last4) = 4),
    scopes        text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 32 AND scopes <@ ARRAY[
                      'templates:read', 'renders:read', 'renders:write', 'renders:cancel', 'snapshots:write', 'files:read',
                      'files:write', 'webhooks:read', 'webhooks:write', 'usage:read', 'users:read', 'users:write',
                      'branding:write', 'notifications:write', 'keys:manage']),
    ip_allow      cidr[] CHECK (cardinality(ip_allow) BETWEEN 1 AND 64),
    rate_per_min  int CHECK (rate_per_min > 0),
    monthly_quota bigint CHECK (monthly_quota >= 0),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    revoked_by    uuid,                                             -- identity.users, kept when the user goes
    last_used_at  timestamptz,                                      -- written at most once a minute
    rotated_from  uuid,
    created_by    uuid,                                             -- identity.users, kept when the user goes
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, rotated_from) REFERENCES identity.tenant_api_keys (tenant_id, id) ON DELETE SET NULL (rotated_from)
);
CREATE INDEX tenant_api_keys_live ON identity.tenant_api_keys (tenant_id) WHERE revoked_at IS NULL;
CREATE INDEX tenant_api_keys_rotated_from ON identity.tenant_api_keys (tenant_id, rotated_from);
CALL app.rls_r1('identity.tenant_api_keys', 'identity');
CREATE POLICY own_sel ON identity.tenant_api_keys FOR SELECT TO fr_owner_identity USING (true);
GRANT SELECT (id, tenant_id, name, env, key_id, last4, scopes, ip_allow, rate_per_min, monthly_quota, expires_at, revoked_at, revoked_by,
    last_used_at, rotated_from, created_by, created_at, updated_at), INSERT,
    UPDATE (name, scopes, ip_allow, rate_per_min, expires_at, revoked_at, revoked_by) ON identity.tenant_api_keys TO fr_identity;
GRANT SELECT, UPDATE (monthly_quota, rate_per_min, revoked_at, last_used_at) ON identity.tenant_api_keys TO fr_identity_worker;

-- What a request with a key needs to know, before its tenant is known. The only way from the request role to a secret's digest.
CREATE FUNCTION identity.api_key_lookup(wanted_key_id text)
RETURNS TABLE (id uuid, tenant_id uuid, tenant_status text, env text, secret_hash bytea, scopes text[], ip_allow cidr[],
               rate_per_min int, monthly_quota bigint, expires_at timestamptz, revoked_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.tenant_id, t.status, k.env, k.secret_hash, k.scopes, k.ip_allow, k.rate_per_min, k.monthly_quota,
           k.expires_at, k.revoked_at
      FROM identity.tenant_api_keys k JOIN identity.tenants t ON t.id = k.tenant_id AND t.deleted_at IS NULL
     WHERE k.key_id = wanted_key_id
$$;
REVOKE ALL ON FUNCTION identity.api_key_lookup(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.api_key_lookup(text) TO fr_identity, fr_identity_worker;

-- ------------------------------------------------------------------------------------------------------------ webhooks
CREATE TABLE identity.tenant_webhooks (
    id              uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id       uuid NOT NULL REFERENCES identity.tenants ON DELETE CASCADE,
    url             text NOT NULL CHECK (url ~ '^https://[^[:space:]/@]+(/[^[:space:]]*)?$' AND length(url) <= 2048),
    description     text CHECK (length(description) <= 500),
    event_types     text[] NOT NULL CHECK (cardinality(event_types) BETWEEN 1 AND 64
                        AND array_to_string(event_types, ',', '!') ~ '^(\*|[a-z][a-z0-9_.]*)(,(\*|[a-z][a-z0-9_.]*))*$'),
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'paused', 'disabled_auto', 'disabled_410')),
    api_version     text NOT NULL CHECK (api_version ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'),
    rate_per_sec    int CHECK (rate_per_sec BETWEEN 1 AND 1000),
    headers         jsonb CHECK (jsonb_typeof(headers) = 'object' AND octet_length(headers::text) <= 4096),
    first_failed_at timestamptz,
    disabled_at     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    row_version     bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    CHECK ((status IN ('disabled_auto', 'disabled_410')) = (disabled_at IS NOT NULL))
);

CREATE FUNCTION identity.limit_webhooks() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('identity.tenant_webhooks' || NEW.tenant_id::text, 2));
    IF (SELECT count(*) FROM identity.tenant_webhooks w WHERE w.tenant_id = NEW.tenant_id) >= 20 THEN
        RAISE EXCEPTION 'a tenant can have 20 webhooks at most' USING ERRCODE = 'check_violation', CONSTRAINT = 'tenant_webhooks_limit';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION identity.limit_webhooks() FROM PUBLIC;
CREATE TRIGGER limit_webhooks BEFORE INSERT ON identity.tenant_webhooks FOR EACH ROW EXECUTE FUNCTION identity.limit_webhooks();

CALL app.rls_r1('identity.tenant_webhooks', 'identity');
GRANT SELECT, INSERT, DELETE, UPDATE (url, description, event_types, status, api_version, rate_per_sec, headers, first_failed_at, disabled_at)
    ON identity.tenant_webhooks TO fr_identity;
GRANT SELECT, UPDATE (status, first_failed_at, disabled_at) ON identity.tenant_webhooks TO fr_identity_worker;

-- Signing secrets, envelope-encrypted. During a rotation an endpoint has two and messages are signed with both. Slot 1 or 2: no more.
CREATE TABLE identity.tenant_webhook_secrets (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL,
    webhook_id  uuid NOT NULL,
    slot        smallint NOT NULL CHECK (slot IN (1, 2)),
    scheme      text NOT NULL DEFAULT 'v1' CHECK (scheme IN ('v1', 'v1a')),        -- hmac-sha256, ed25519
    secret_enc  bytea NOT NULL CHECK (octet_length(secret_enc) BETWEEN 16 AND 1024),
    kek_id      text NOT NULL CHECK (length(kek_id) BETWEEN 1 AND 100),
    active_from timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz CHECK (expires_at > active_from),
    created_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, webhook_id, slot),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES identity.tenant_webhooks (tenant_id, id) ON DELETE CASCADE
);
CALL app.rls_r1('identity.tenant_webhook_secrets', 'identity');
GRANT SELECT (id, tenant_id, webhook_id, slot, scheme, kek_id, active_from, expires_at, created_at), INSERT, DELETE, UPDATE (expires_at)
    ON identity.tenant_webhook_secrets TO fr_identity;
GRANT SELECT, DELETE, UPDATE (secret_enc, kek_id) ON identity.tenant_webhook_secrets TO fr_identity_worker;

-- --------------------------------------------------------------------------------------------------------------- usage
-- One row a tenant, day and meter. Days are UTC. Written by the meter alone.
CREATE TABLE identity.tenant_usage_daily (
    tenant_id  uuid NOT NULL REFERENCES identity.tenants ON DELETE RESTRICT,
    day        date NOT NULL,
    meter      text NOT NULL CHECK (meter IN ('render_seconds', 'render_frames', 'render_px_frames', 'snapshots', 'storage_byte_hours',
                   'egress_bytes', 'api_calls', 'ai_tokens', 'sms')),
    env        text NOT NULL DEFAULT 'live' CHECK (env IN ('live', 'test')),
    quantity   bigint NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    cost_minor bigint NOT NULL DEFAULT 0 CHECK (cost_minor >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, day, meter, env)
);
CALL app.rls_r1('identity.tenant_usage_daily', 'identity');
GRANT SELECT ON identity.tenant_usage_daily TO fr_identity;
GRANT SELECT, INSERT, UPDATE (quantity, cost_minor) ON identity.tenant_usage_daily TO fr_identity_worker;

-- -------------------------------------------------------------------------------------------------------- request logs
-- One row a request made with a key. No bodies, no query strings, no raw paths. Writers batch, and never fail the request.
CREATE TABLE identity.tenant_api_request_logs (
    at         timestamptz NOT NULL,
    id         uuid NOT NULL,                                       -- the request id
    tenant_id  uuid NOT NULL,                                       -- identity.tenants; no key: a log outlives its tenant
    key_id     text CHECK (length(key_id) <= 32),
    method     text NOT NULL CHECK (length(method) <= 16),
    route      text NOT NULL CHECK (length(route) <= 255),          -- the template, /v1/renders/{id}
    status     int NOT NULL CHECK (status BETWEEN 100 AND 599),
    latency_us bigint NOT NULL CHECK (latency_us >= 0),
    req_bytes  bigint NOT NULL DEFAULT 0 CHECK (req_bytes >= 0),
    resp_bytes bigint NOT NULL DEFAULT 0 CHECK (resp_bytes >= 0),
    ip         inet,
    ua_hash    bytea CHECK (octet_length(ua_hash) = 32),
    error_type text CHECK (length(error_type) <= 100),
    PRIMARY KEY (at, id)
) PARTITION BY RANGE (at);
CREATE INDEX tenant_api_request_logs_at ON identity.tenant_api_request_logs USING brin (at);
CREATE INDEX tenant_api_request_logs_recent ON identity.tenant_api_request_logs (tenant_id, at DESC);
CREATE INDEX tenant_api_request_logs_request ON identity.tenant_api_request_logs (tenant_id, id);
CALL app.rls_r4('identity.tenant_api_request_logs', 'identity');
CALL app.partition_monthly('identity.tenant_api_request_logs', '90 days');
GRANT SELECT, INSERT ON identity.tenant_api_request_logs TO fr_identity, fr_identity_worker;

COMMIT;
