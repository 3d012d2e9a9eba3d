-- 03_identity_billing: what is sold and what was paid. Money is a whole number of minor units beside its currency.

BEGIN;
SET LOCAL ROLE fr_owner_identity;

-- --------------------------------------------------------------------------------------------------------------- plans
CREATE TABLE identity.plans (
    id          uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id   uuid NOT NULL REFERENCES identity.tenants ON DELETE RESTRICT,     -- a reseller may sell plans of its own
    code        text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind        text NOT NULL CHECK (kind IN ('free', 'subscription', 'credit_pack', 'reseller')),
    features    jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(features) = 'object' AND octet_length(features::text) <= 16384),
    credits     bigint NOT NULL DEFAULT 0 CHECK (credits >= 0),
    is_public   boolean NOT NULL DEFAULT false,
    sort        int NOT NULL DEFAULT 0,
    archived_at timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    row_version bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, code),
    CHECK (kind <> 'credit_pack' OR credits > 0)
);
CREATE INDEX plans_shown ON identity.plans (tenant_id, sort, id) WHERE is_public AND archived_at IS NULL;
CALL app.rls_r2('identity.plans', 'identity', 'is_public AND archived_at IS NULL');
GRANT SELECT, INSERT, UPDATE (features, credits, is_public, sort, archived_at) ON identity.plans TO fr_identity;
GRANT SELECT, INSERT, UPDATE (features, credits, is_public, sort, archived_at) ON identity.plans TO fr_identity_worker;

CREATE TABLE identity.plan_translations (
    tenant_id  uuid NOT NULL,
    plan_id    uuid NOT NULL,
    locale     text NOT NULL CHECK (locale ~ '^[a-z]{2}(-[A-Z]{2})?$'),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    tagline    text CHECK (length(tagline) <= 300),
    bullets    text[] NOT NULL DEFAULT '{}' CHECK (cardinality(bullets) <= 30),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, plan_id, locale),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES identity.plans (tenant_id, id) ON DELETE CASCADE
);
CALL app.rls_r2_of('identity.plan_translations', 'identity', 'identity.plans', 'plan_id');
GRANT SELECT, INSERT, DELETE, UPDATE (name, tagline, bullets) ON identity.plan_translations TO fr_identity;
GRANT SELECT ON identity.plan_translations TO fr_identity_worker;

-- Prices are never edited: a new one begins where the old one ends.
CREATE TABLE identity.plan_prices (
    id             uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id      uuid NOT NULL,
    plan_id        uuid NOT NULL,
    currency       char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    amount_minor   bigint NOT NULL CHECK (amount_minor >= 0),
    bill_interval  text NOT NULL CHECK (bill_interval IN ('once', 'month', 'year')),
    interval_count int NOT NULL DEFAULT 1 CHECK (interval_count BETWEEN 1 AND 36),
    trial_days     int NOT NULL DEFAULT 0 CHECK (trial_days BETWEEN 0 AND 365),
    active_from    timestamptz NOT NULL DEFAULT now(),
    active_until   timestamptz CHECK (active_until > active_from),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, plan_id) REFERENCES identity.plans (tenant_id, id) ON DELETE RESTRICT,
    EXCLUDE USING gist (plan_id WITH =, currency WITH =, bill_interval WITH =, interval_count WITH =,
        tstzrange(active_from, active_until) WITH &&)
);
CREATE INDEX plan_prices_plan ON identity.plan_prices (tenant_id, plan_id);
CALL app.rls_r2_of('identity.plan_prices', 'identity', 'identity.plans', 'plan_id');
GRANT SELECT, INSERT, UPDATE (active_until) ON identity.plan_prices TO fr_identity;
GRANT SELECT ON identity.plan_prices TO fr_identity_worker;

-- ------------------------------------------------------------------------------------------------------------ payments
-- The amount that a gateway is asked to verify is the one stored here, never one that comes back with the browser.
CREATE TABLE identity.payments (
    id                uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id         uuid NOT NULL REFERENCES identity.tenants ON DELETE RESTRICT,
    user_id           uuid NOT NULL,
    price_tenant_id   uuid,                                         -- whose plan: the tenant's own or FlatRender's
    price_id          uuid,
    gateway           text NOT NULL CHECK (gateway IN ('zarinpal', 'stripe', 'manual', 'wallet')),
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    currency          char(3) NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    unit              text NOT NULL CHECK (length(unit) BETWEEN 1 AND 10),        -- what the gateway was told: IRR or IRT are ten-fold apart
    state             text NOT NULL DEFAULT 'created' CHECK (state IN ('created', 'redirected', 'pending_verify', 'succeeded', 'failed',
                          'expired', 'reversed', 'partially_refunded', 'refunded')),
    authority         text CHECK (length(authority) BETWEEN 1 AND 255),
    ref_id            text CHECK (length(ref_id) BETWEEN 1 AND 255),
    card_mask         text CHECK (card_mask ~ '^[0-9*xX-]{4,25}$'),
    card_hash         text CHECK (length(card_hash) <= 128),
    fee_minor         bigint NOT NULL DEFAULT 0 CHECK (fee_minor >= 0),
    refunded_minor    bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0),
    idem_key          text NOT NULL CHECK (length(idem_key) BETWEEN 1 AND 255),
    return_nonce_hash bytea NOT NULL CHECK (octet_length(return_nonce_hash) = 32),
    failure_code      text CHECK (length(failure_code) <= 100),
    verified_at       timestamptz,
    expires_at        timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    row_version       bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, idem_key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES identity.users (tenant_id, id) ON DELETE RESTRICT,
    FOREIGN KEY (price_tenant_id, price_id) REFERENCES identity.plan_prices (tenant_id, id) MATCH FULL ON DELETE RESTRICT,
    CONSTRAINT payments_price_tenant CHECK (price_tenant_id IN (tenant_id, app.default_tenant())),
    CHECK (refunded_minor <= amount_minor),
    CHECK (state <> 'partially_refunded' OR refunded_minor BETWEEN 1 AND amount_minor - 1),
    CHECK (state <> 'refunded' OR refunded_minor = amount_minor),
    CHECK (state NOT IN ('succeeded', 'partially_refunded', 'refunded') OR verified_at IS NOT NULL)
);
-- Across tenants on purpose: a gateway's reference pays once, whoever presents it.
CREATE UNIQUE INDEX payments_authority ON identity.payments (gateway, authority);
CREATE UNIQUE INDEX payments_ref ON identity.payments (gateway, ref_id);
CREATE INDEX payments_user ON identity.payments (tenant_id, user_id, created_at DESC);
CREATE INDEX payments_price ON identity.payments (price_tenant_id, price_id);
CREATE INDEX payments_open ON identity.payments (expires_at) WHERE state IN ('created', 'redirected', 'pending_verify');

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('payment', 'created', 'redirected'), ('payment', 'created', 'failed'), ('payment', 'created', 'expired'),
    ('payment', 'redirected', 'pending_verify'), ('payment', 'redirected', 'expired'),
    ('payment', 'pending_verify', 'succeeded'), ('payment', 'pending_verify', 'failed'), ('payment', 'pending_verify', 'reversed'),
    ('payment', 'expired', 'succeeded'),
    ('payment', 'succeeded', 'partially_refunded'), ('payment', 'succeeded', 'refunded'), ('payment', 'succeeded', 'reversed'),
    ('payment', 'partially_refunded', 'refunded');
CREATE TRIGGER check_state BEFORE UPDATE OF state ON identity.payments
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('payment', 'state');

CALL app.rls_r1('identity.payments', 'identity');
-- The request role starts payments and follows the browser back. That money came is written by the worker that asked the gateway:
-- no payment succeeds without verified_at, which the request role cannot write.
GRANT SELECT, INSERT (id, tenant_id, user_id, price_tenant_id, price_id, gateway, amount_minor, currency, unit, idem_key,
    return_nonce_hash, expires_at), UPDATE (state, authority, failure_code) ON identity.payments TO fr_identity;
GRANT SELECT, UPDATE (state, authority, ref_id, card_mask, card_hash, fee_minor, refunded_minor, failure_code, verified_at)
    ON identity.payments TO fr_identity_worker;

COMMIT;
