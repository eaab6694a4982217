"""What is taken for a secret in an environment file, and what is not."""

import pytest

from components.service.secret_looks import why_secret

BY_NAME, ADDRESS, TOKEN = "is a secret by its name", "holds an address with a password", "holds a token"


NAMES = """
PASSWORD DB_PASSWORD PGPASSWORD MYSQL_PWD SMTP_PASS DBPASS DATABASE_PASS ADMIN_PASSWD GPG_PASSPHRASE
TOKEN GITHUB_TOKEN githubToken TOKEN_2 SECRET CLIENT_SECRET SECRET_KEY_BASE APP_SECRET_1 PASSWORD2
JWT_SIGNING_KEY API_KEY APIKEY stripe_api_key AWS_SECRET_ACCESS_KEY PRIVATE_KEY ENCRYPTION_KEY MASTER_KEY
RELEASE_COOKIE STRIPE_KEY LICENSE_KEY RECAPTCHA_SITE_SECRET_KEY PUBLIC_DB_PASSWORD spring.mail.password
"""
PLAIN = """
PASSWORD=
PASSWORD_LENGTH=8
PASSWORD_RESET_URL=https://example.com/reset
RESET_PASSWORD=true
PWD=/app
OLDPWD=/app
TOKEN_TTL=3600
TOKEN_SECONDS=60
TOKENIZER=bpe
REQUIRE_TOKEN=required
SECRET_NAME=shop/database
DB_SECRET=arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf
DB_PASSWORD_FILE=/run/secrets/db
DB_PASSWORD=/run/secrets/db
TLS_CLIENT_KEY=/etc/tls/client.pem
GOOGLE_APPLICATION_CREDENTIALS=/app/gcp.json
KEYCLOAK_URL=https://id.example.com/realms/shop
KEYBOARD_LAYOUT=de
MONKEY=1
PUBLIC_KEY=MFkwEwYHKoZIzj0CAQ
PUBLIC_KEY_ID=K2JCJMDEHXQW5F
KMS_KEY_ID=1234abcd-12ab-34cd-56ef-1234567890ab
STRIPE_PUBLISHABLE_KEY=pk_live_4eC39HqLyjWDarjtT1zdp7dc
RECAPTCHA_SITE_KEY=6LdAAAAA1bCdEf
NEXT_PUBLIC_API_KEY=4eC39HqLyjWDarjtT1zdp7dc
SORT_KEY=createdAt
ROUTING_KEY=orders.created
CACHE_KEY=shop:v2:{id}
OBJECT_KEY=uploads/2026/logo.png
COMPASS=north
BYPASS=none
SMTP_AUTH=plain
CORS_ALLOW_CREDENTIALS=true
COOKIE_DOMAIN=example.com
DATABASE_URL=postgres://app@db:5432/shop
URL=https://example.com/@me:x
SEARCH=https://example.com/?q=token
SENTRY_DSN=https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/1
RELEASE_NAME=shop
REGION=eu
"""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        *((f"{name}=hunter2", BY_NAME) for name in NAMES.split()),
        ("JWT_SIGNING_KEY=correct", BY_NAME),
        ("SOME_KEY=4eC39HqLyjWDarjtT1zdp7dc", BY_NAME),
        ("SOME_KEY=base64:Zm9vYmFyYmF6", BY_NAME),
        ("SOME_KEY=0123456789abcdef0123456789abcdef", BY_NAME),
        ("DATABASE_URL=ecto://app:hunter2@db/shop", ADDRESS),
        ("REDIS_URL=redis://:hunter2@cache:6379/0", ADDRESS),
        ("AMQP=amqps://app:hunter2@queue", ADDRESS),
        ("DSN=host=db user=app password=hunter2 dbname=shop", ADDRESS),
        ("DSN=app:hunter2@tcp(db:3306)/shop", ADDRESS),
        ("JDBC=jdbc:postgresql://db/shop?user=app&password=hunter2", ADDRESS),
        ("ADO=Server=db;User Id=app;Password=hunter2;", ADDRESS),
        ("FEED=https://example.com/feed?access_token=abc", TOKEN),
        ("HOOK=https://hooks.slack.com/services/T0/B0/x", "holds a webhook of Slack's"),
        ("STORE=DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "a" * 86 + "==", "holds a key of Azure's"),
        ("PEM=-----BEGIN RSA PRIVATE KEY-----", "holds a private key"),
        ("ID=AKIA1234567890ABCDEF", "holds a key of AWS's"),
        ("HOOK=glpat-abc", TOKEN),
        ("CI=ghp_abc", TOKEN),
        ("JWT=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", TOKEN),
        ("PAY=rk_live_abc", TOKEN),
        ("MAIL=SG.abcdefghijklmnopqrst.uvw", TOKEN),
    ],
)  # fmt: skip
def test_a_secret(line: str, why: str) -> None:
    name, _, value = line.partition("=")
    assert why_secret(name, value) == why


@pytest.mark.parametrize(
    "line",
    PLAIN.split(),
)
def test_a_plain_setting(line: str) -> None:
    name, _, value = line.partition("=")
    assert why_secret(name, value) is None
