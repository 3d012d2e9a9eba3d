-- 04_identity_gamification: gifts that users earn. Points, levels, badges and the like come with the part that uses them.

BEGIN;
SET LOCAL ROLE fr_owner_identity;

CREATE TABLE identity.gifts (
    id           uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id    uuid NOT NULL REFERENCES identity.tenants ON DELETE RESTRICT,
    code         text NOT NULL CHECK (code ~ '^[a-z][a-z0-9_]{0,62}$'),
    kind         text NOT NULL CHECK (kind IN ('credits', 'plan_days', 'discount', 'template_unlock', 'badge')),
    value        jsonb NOT NULL CHECK (jsonb_typeof(value) = 'object' AND octet_length(value::text) <= 8192),
    labels       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object' AND octet_length(labels::text) <= 8192),  -- by locale
    stock        int CHECK (stock >= 0),                            -- NULL: without end
    per_user_max int NOT NULL DEFAULT 1 CHECK (per_user_max BETWEEN 1 AND 1000),
    starts_at    timestamptz NOT NULL DEFAULT now(),
    ends_at      timestamptz CHECK (ends_at > starts_at),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    row_version  bigint NOT NULL DEFAULT 1,
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, code)
);
CALL app.rls_r1('identity.gifts', 'identity');
GRANT SELECT, INSERT, UPDATE (value, labels, per_user_max, starts_at, ends_at) ON identity.gifts TO fr_identity;
GRANT SELECT, UPDATE (stock) ON identity.gifts TO fr_identity_worker;

-- notification_id gets its foreign key, the only one between two schemas, at the end of 14.
CREATE TABLE identity.earned_gifts (
    id              uuid PRIMARY KEY DEFAULT app.uuid7(),
    tenant_id       uuid NOT NULL,
    user_id         uuid NOT NULL,
    gift_id         uuid NOT NULL,
    source_type     text NOT NULL CHECK (source_type ~ '^[a-z][a-z0-9_.]{0,62}$'),
    source_id       uuid NOT NULL,                                  -- the event that earned it: the same event earns once
    state           text NOT NULL DEFAULT 'earned' CHECK (state IN ('earned', 'claimed', 'expired', 'revoked')),
    expires_at      timestamptz,
    claimed_at      timestamptz,
    notification_id uuid,                                           -- notification.notifications
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    UNIQUE (tenant_id, user_id, gift_id, source_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES identity.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, gift_id) REFERENCES identity.gifts (tenant_id, id) ON DELETE RESTRICT,
    CHECK ((state = 'claimed') = (claimed_at IS NOT NULL))
);
CREATE INDEX earned_gifts_gift ON identity.earned_gifts (tenant_id, gift_id);
CREATE INDEX earned_gifts_notification ON identity.earned_gifts (tenant_id, notification_id);
CREATE INDEX earned_gifts_expiring ON identity.earned_gifts (expires_at) WHERE state = 'earned' AND expires_at IS NOT NULL;

INSERT INTO app.transitions (machine, from_state, to_state) VALUES
    ('earned_gift', 'earned', 'claimed'), ('earned_gift', 'earned', 'expired'), ('earned_gift', 'earned', 'revoked');
CREATE TRIGGER check_state BEFORE UPDATE OF state ON identity.earned_gifts
    FOR EACH ROW EXECUTE FUNCTION app.check_transition('earned_gift', 'state');

CALL app.rls_r3('identity.earned_gifts', 'identity');
-- A user claims; only the worker gives.
GRANT SELECT, UPDATE (state, claimed_at) ON identity.earned_gifts TO fr_identity;
GRANT SELECT, INSERT, UPDATE (state, expires_at, notification_id) ON identity.earned_gifts TO fr_identity_worker;

COMMIT;
