-- 02_identity_users: people. Accounts, bans, second factors, push subscriptions.

BEGIN;
SET LOCAL ROLE fr_owner_identity;

-- --------------------------------------------------------------------------------------------------------------- users
CREATE TABLE identity.users (
    id                uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id         uuid NOT NULL REFERENCES identity.tenants ON DELETE RESTRICT,
    email             text CHECK (length(email) BETWEEN 3 AND 254 AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    email_norm        text GENERATED ALWAYS AS (lower(normalize(email, NFKC))) STORED,
    phone_e164        text CHECK (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
    display_name      text CHECK (length(display_name) BETWEEN 1 AND 100 AND display_name !~ '[[:cntrl:]]'),
    locale            text NOT NULL DEFAULT 'fa' CHECK (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    timezone          text CHECK (length(timezone) BETWEEN 1 AND 64),
    avatar_file_id    uuid,                                         -- file_mgr.files
    status            text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active', 'banned', 'locked', 'deleted')),
    role              text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'support', 'editor', 'admin', 'owner')),
    email_verified_at timestamptz,
    phone_verified_at timestamptz,
    auth_epoch        bigint NOT NULL DEFAULT 0,                    -- a token with a smaller epoch is refused
    last_login_at     timestamptz,
    terms_version     text CHECK (length(terms_version) <= 40),
    marketing_opt_in  boolean NOT NULL DEFAULT false,
    search            tsvector GENERATED ALWAYS AS (to_tsvector('simple',
                          app.fa_norm(coalesce(display_name, '')) || ' ' || lower(coalesce(email, '')) || ' ' || coalesce(phone_e164, ''))) STORED,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    deleted_at        timestamptz,
    row_version       bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    CHECK (email IS NOT NULL OR phone_e164 IS NOT NULL OR deleted_at IS NOT NULL),
    CHECK ((status = 'deleted') = (deleted_at IS NOT NULL)),
    CHECK (email_verified_at IS NULL OR email IS NOT NULL),
    CHECK (phone_verified_at IS NULL OR phone_e164 IS NOT NULL)
);
CREATE UNIQUE INDEX users_email ON identity.users (tenant_id, email_norm) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX users_phone ON identity.users (tenant_id, phone_e164) WHERE deleted_at IS NULL;
CREATE INDEX users_newest ON identity.users (tenant_id, created_at DESC, id DESC);
CREATE INDEX users_search ON identity.users USING gin (search);

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('user', 'pending', 'active'), ('user', 'pending', 'banned'), ('user', 'pending', 'deleted'),
    ('user', 'active', 'banned'), ('user', 'active', 'locked'), ('user', 'active', 'deleted'),
    ('user', 'banned', 'active'), ('user', 'banned', 'deleted'),
    ('user', 'locked', 'active'), ('user', 'locked', 'banned'), ('user', 'locked', 'deleted');
CREATE TRIGGER check_status BEFORE UPDATE OF status ON identity.users
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('user', 'status');

CALL app.rls_r1('identity.users', 'identity');
-- For the trigger on user_bans, which runs as the owner.
CREATE POLICY own_sel ON identity.users FOR SELECT TO fr_owner_identity USING (true);
CREATE POLICY own_upd ON identity.users FOR UPDATE TO fr_owner_identity USING (true) WITH CHECK (true);
-- Nobody raises a role, a status or an epoch, or moves a user to another tenant, with the request role.
-- A new account is whatever the defaults say.
GRANT SELECT, INSERT (id, tenant_id, email, phone_e164, display_name, locale, timezone, avatar_file_id, terms_version, marketing_opt_in),
    UPDATE (email, phone_e164, display_name, locale, timezone, avatar_file_id, email_verified_at, phone_verified_at, last_login_at,
    terms_version, marketing_opt_in) ON identity.users TO fr_identity;
GRANT SELECT, INSERT, UPDATE (email, phone_e164, display_name, locale, timezone, avatar_file_id, status, role, email_verified_at,
    phone_verified_at, auth_epoch, last_login_at, terms_version, marketing_opt_in, deleted_at) ON identity.users TO fr_identity_worker;

-- ---------------------------------------------------------------------------------------------------------------- bans
CREATE TABLE identity.user_bans (
    id         uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    kind       text NOT NULL DEFAULT 'full' CHECK (kind IN ('full', 'render', 'upload', 'comment')),
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    evidence   jsonb CHECK (octet_length(evidence::text) <= 16384),
    starts_at  timestamptz NOT NULL DEFAULT now(),
    ends_at    timestamptz CHECK (ends_at > starts_at),
    issued_by  uuid NOT NULL,                                       -- identity.users, kept when that user goes
    lifted_at  timestamptz,
    lifted_by  uuid,                                                -- identity.users, kept when that user goes
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES identity.users (tenant_id, id) ON DELETE CASCADE,
    CHECK (lifted_by IS NULL OR lifted_at IS NOT NULL),
    CHECK (issued_by <> user_id),
    -- One ban of a kind at a time.
    EXCLUDE USING gist (user_id WITH =, kind WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (lifted_at IS NULL)
);
CREATE INDEX user_bans_user ON identity.user_bans (tenant_id, user_id, starts_at DESC);
CREATE INDEX user_bans_ending ON identity.user_bans (ends_at) WHERE lifted_at IS NULL AND ends_at IS NOT NULL;

-- A ban, and its lifting, raise the user's epoch, so that tokens already given out stop working, and keep users.status in step.
-- SECURITY DEFINER because the request role may not write those columns otherwise.
CREATE FUNCTION identity.apply_ban() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    banned boolean;
BEGIN
    IF NEW.kind <> 'full' THEN
        UPDATE identity.users SET auth_epoch = auth_epoch + 1 WHERE tenant_id = NEW.tenant_id AND id = NEW.user_id;
        RETURN NULL;
    END IF;
    SELECT EXISTS (SELECT FROM identity.user_bans b
                    WHERE b.tenant_id = NEW.tenant_id AND b.user_id = NEW.user_id AND b.kind = 'full' AND b.lifted_at IS NULL
                      AND b.starts_at <= now() AND (b.ends_at IS NULL OR b.ends_at > now()))
      INTO banned;
    UPDATE identity.users u
       SET auth_epoch = auth_epoch + 1,
           status = CASE WHEN banned AND u.status <> 'deleted' THEN 'banned'
                         WHEN NOT banned AND u.status = 'banned' THEN 'active'
                         ELSE u.status END
     WHERE u.tenant_id = NEW.tenant_id AND u.id = NEW.user_id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION identity.apply_ban() FROM PUBLIC;
CREATE TRIGGER apply_ban AFTER INSERT OR UPDATE OF lifted_at, ends_at ON identity.user_bans
    FOR EACH ROW EXECUTE FUNCTION identity.apply_ban();

CALL app.rls_r1('identity.user_bans', 'identity');
CREATE POLICY own_sel ON identity.user_bans FOR SELECT TO fr_owner_identity USING (true);
GRANT SELECT, INSERT, UPDATE (ends_at, lifted_at, lifted_by) ON identity.user_bans TO fr_identity;
GRANT SELECT, INSERT, UPDATE (lifted_at, lifted_by) ON identity.user_bans TO fr_identity_worker;

-- ------------------------------------------------------------------------------------------------------ second factors
CREATE TABLE identity.mfa_factors (
    id           uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('totp', 'webauthn', 'sms', 'email_otp')),
    label        text CHECK (length(label) BETWEEN 1 AND 100),
    secret_enc   bytea CHECK (octet_length(secret_enc) BETWEEN 16 AND 1024),
    kek_id       text CHECK (length(kek_id) BETWEEN 1 AND 100),
    phone_e164   text CHECK (phone_e164 ~ '^\+[1-9][0-9]{6,14}$'),
    confirmed_at timestamptz,
    last_step    bigint CHECK (last_step >= 0),                     -- a TOTP step is taken once
    last_used_at timestamptz,
    disabled_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES identity.users (tenant_id, id) ON DELETE CASCADE,
    CHECK ((secret_enc IS NULL) = (kek_id IS NULL)),
    CHECK (kind <> 'totp' OR secret_enc IS NOT NULL),
    CHECK ((kind = 'sms') = (phone_e164 IS NOT NULL))
);
CREATE INDEX mfa_factors_user ON identity.mfa_factors (tenant_id, user_id);
CREATE UNIQUE INDEX mfa_factors_one_totp ON identity.mfa_factors (tenant_id, user_id)
    WHERE kind = 'totp' AND confirmed_at IS NOT NULL AND disabled_at IS NULL;
CALL app.rls_r3('identity.mfa_factors', 'identity');
GRANT SELECT, INSERT, DELETE, UPDATE (label, confirmed_at, last_step, last_used_at, disabled_at) ON identity.mfa_factors TO fr_identity;
GRANT SELECT, DELETE, UPDATE (secret_enc, kek_id, disabled_at) ON identity.mfa_factors TO fr_identity_worker;

-- -------------------------------------------------------------------------------------------------- push subscriptions
-- Only the push services' own hosts are taken: an endpoint is an address that we send requests to.
CREATE TABLE identity.push_subscriptions (
    id            uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    kind          text NOT NULL DEFAULT 'webpush' CHECK (kind IN ('webpush', 'fcm', 'apns')),
    endpoint      text NOT NULL CHECK (length(endpoint) BETWEEN 1 AND 2048),
    endpoint_hash uuid GENERATED ALWAYS AS (md5(endpoint)::uuid) STORED,     -- a lookup key, no security in it
    p256dh        bytea CHECK (octet_length(p256dh) = 65),
    auth          bytea CHECK (octet_length(auth) = 16),
    vapid_kid     text CHECK (length(vapid_kid) <= 64),
    ua            text CHECK (length(ua) <= 512),
    last_ok_at    timestamptz,
    fail_count    int NOT NULL DEFAULT 0 CHECK (fail_count >= 0),
    gone_at       timestamptz,
    expires_at    timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, endpoint_hash),
    FOREIGN KEY (tenant_id, user_id) REFERENCES identity.users (tenant_id, id) ON DELETE CASCADE,
    CHECK (kind <> 'webpush' OR (p256dh IS NOT NULL AND auth IS NOT NULL AND endpoint ~
        '^https://([a-z0-9-]+\.)*(googleapis\.com|push\.services\.mozilla\.com|push\.apple\.com|notify\.windows\.com)/[^[:space:]]+$'))
);
CREATE INDEX push_subscriptions_user ON identity.push_subscriptions (tenant_id, user_id);
CALL app.rls_r3('identity.push_subscriptions', 'identity');
GRANT SELECT, INSERT, DELETE, UPDATE (user_id, p256dh, auth, vapid_kid, ua, gone_at, expires_at) ON identity.push_subscriptions TO fr_identity;
GRANT SELECT, DELETE, UPDATE (last_ok_at, fail_count, gone_at) ON identity.push_subscriptions TO fr_identity_worker;

COMMIT;
