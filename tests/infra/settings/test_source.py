import json

import pytest
from pydantic import ValidationError

from infra.settings.messages import line
from infra.settings.served import ModelSettings
from infra.settings.source import SourceSettings

DIGEST = "sha256:" + "0" * 64
SUMS = "a" * 64


def model(source: dict[str, object], **others: object) -> ModelSettings:
    return ModelSettings.model_validate_json(json.dumps({"name": "digits", "source": source, **others}))


def mistakes(source: dict[str, object], **others: object) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        model(source, **others)
    return [line(error, ModelSettings) for error in raised.value.errors()]


@pytest.mark.parametrize(
    "source",
    [
        {"url": "s3://models-of-the-team"},
        {"url": "s3://models.example/team/prod_1", "region": "eu-west-1", "space": "20Gi"},
        {"url": "s3://models", "endpoint": "http://minio.storage.svc:9000"},
        {"url": "s3://models", "endpoint": "https://objects.example.com:9443"},
        {"url": "https://modelstore.blob.core.windows.net/models/team=a"},
        {"mlflow": "models:/digits@champion"},
        {"mlflow": "models:/digits/12", "space": "20Gi"},
        {"size": "50Gi"},
        {"claim": "models"},
        {"nfs": {"server": "10.0.0.4", "path": "/exports/models"}},
        {"image": f"registry.example.com:5000/team/digits:7@{DIGEST}"},
    ],
)
def test_what_a_user_would_write_is_taken(source: dict[str, object]) -> None:
    assert model(source).source


def test_without_a_source_the_image_has_the_models() -> None:
    assert ModelSettings(name="digits").source is None


def test_an_identity_is_for_the_clouds_own_stores() -> None:
    blobs = "https://modelstore.blob.core.windows.net/models"

    assert SourceSettings.model_validate({"url": "s3://models/prod"}).reads == ("s3://models/prod",)
    assert SourceSettings.model_validate({"url": blobs}).reads == (blobs,)
    assert SourceSettings.model_validate({"url": "s3://models", "endpoint": "https://minio.example.com"}).reads == ()
    assert SourceSettings.model_validate({"claim": "models"}).reads == ()


def test_a_claim_of_the_stack_stands_beside_the_one_it_replaces() -> None:
    nfs = {"server": "10.0.0.4", "path": "/exports/models"}
    kinds: list[dict[str, object]] = [{"size": "1Gi"}, {"nfs": nfs}, {"claim": "models"}, {"url": "s3://models"}]

    assert [SourceSettings.model_validate(kind).claims for kind in kinds] == [2, 2, 1, 0]


EXACTLY = "source must have exactly one of url, mlflow, size, claim, nfs, image, got "
STORES = "source.url must be s3://bucket/prefix or https://account.blob.core.windows.net/container/prefix, got "


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({}, EXACTLY + "{}"),
        ({"size": "1Gi", "claim": "a"}, EXACTLY + '{"size": "1Gi", "claim": "a"}'),
        ({"url": "s3://Models"}, STORES + "s3://Models"),
        ({"url": "s3://models/"}, STORES + "s3://models/"),
        ({"url": "s3://models/*"}, STORES + "s3://models/*"),
        ({"url": "s3://models/a/../b"}, STORES + "s3://models/a/../b"),
        ({"url": "s3://models/.."}, STORES + "s3://models/.."),
        ({"url": "gs://models"}, STORES + "gs://models"),
        ({"url": "https://example.com/models"}, STORES + "https://example.com/models"),
        ({"url": "https://a.blob.core.windows.net/m?sig=x"}, STORES + "https://a.blob.core.windows.net/m?sig=x"),
        (
            {"url": "s3://models", "endpoint": "http://minio.example.com"},
            "source.endpoint must be https://host, or a Service with its port, as http://minio.storage.svc:9000, "
            "got http://minio.example.com",
        ),
        (
            {"url": "s3://models", "endpoint": "https://objects.example.com:70000"},
            "source.endpoint must be https://host, or a Service with its port, as http://minio.storage.svc:9000, "
            "got https://objects.example.com:70000",
        ),
        (
            {"claim": "models", "sha256": SUMS},
            f"source.sha256 must be absent without url or mlflow, got {SUMS}; remove it",
        ),
        (
            {"url": "https://modelstore.blob.core.windows.net/models", "region": "eu-west-1"},
            "source.region must be absent without an s3:// url, got eu-west-1; remove it",
        ),
        (
            {"image": f"r.example.com/a@{DIGEST}", "endpoint": "https://objects.example.com"},
            "source.endpoint must be absent without an s3:// url, got https://objects.example.com; remove it",
        ),
    ],
)
def test_a_mistake_is_told_with_its_key_the_rule_and_the_value(source: dict[str, object], told: str) -> None:
    assert mistakes(source) == [told]


def test_an_image_is_named_by_digest() -> None:
    (told,) = mistakes({"image": "registry.example.com/digits:7"})

    assert told.startswith("source.image must match ")


def test_checksums_can_be_pinned_of_a_pinned_version_only() -> None:
    source: dict[str, object] = {"url": "s3://models", "sha256": SUMS}

    assert model(source, version="1").source
    assert mistakes(source) == ["version must be given where source.sha256 is, which is of one version's files; add it"]


@pytest.mark.parametrize("uri", ["models:/digits", "models:/digits@", "models:/digits/0", "runs:/abc/model", "digits"])
def test_a_name_in_mlflow_without_an_alias_or_a_number_is_refused(uri: str) -> None:
    assert mistakes({"mlflow": uri}) == [f"source.mlflow must be models:/name@alias or models:/name/number, got {uri}"]


def test_mlflow_names_the_model_that_is_served() -> None:
    assert mistakes({"mlflow": "models:/words@champion"}) == [
        "source.mlflow must name the model digits, got words; name one of the two"
    ]


def test_a_number_in_mlflow_is_of_one_model() -> None:
    assert mistakes({"mlflow": "models:/digits/3"}, extra=["words"]) == [
        "source.mlflow must name an alias where extra is given, got models:/digits/3: each has its own"
    ]
