"""The API is as `openapi.json` describes it, and nothing else is there."""

import re

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from jpegtrace.web.app import create_app
from jpegtrace.web.openapi import document
from jpegtrace.web.settings import Settings
from support import web_workers

EXAMPLES = 12
CONFIG = {
    "seed": 1,
    # A file of any bytes is what the description allows; which of them are pictures no schema can say.
    "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", 404, 409, 415, 422]}},
}
PAGES = {"/", "/docs", "/openapi.json", "/static/{name}"}

schema = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig.from_dict(CONFIG))
OPERATIONS = {operation.ok().label: operation.ok() for operation in schema.get_all_operations()}
# Where nothing is asked for, nothing can be asked wrongly.
CASES = [(label, GenerationMode.POSITIVE) for label in OPERATIONS]
CASES += [(label, GenerationMode.NEGATIVE) for label in OPERATIONS if "{" in label or label.startswith("POST")]
OF_JOBS = [label for label in OPERATIONS if label.startswith("GET /api/jobs/")]
few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_every_answer_is_as_described(cheap, label, mode):
    @few
    @given(OPERATIONS[label].as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(base_url=str(cheap.base_url))

    check()


@pytest.fixture(scope="module")
def done(cheap):
    return cheap.examine(web_workers.picture())


@pytest.mark.parametrize("label", OF_JOBS)
def test_every_answer_about_a_job_that_is_there_is_as_described(cheap, label, done):
    @few
    @given(OPERATIONS[label].as_strategy())
    def check(case):
        case.path_parameters["id"] = done["id"]
        if "analysis" in case.path_parameters:
            case.path_parameters |= {"analysis": "file-facts", "name": "certainty"}
        answer = case.call_and_validate(base_url=str(cheap.base_url))
        assert answer.status_code == 200

    check()


def test_every_route_is_described_and_every_description_has_its_route():
    routes = {}
    for route in create_app(Settings()).routes:
        path = re.sub(r":[a-z]+}", "}", route.path)
        if path not in PAGES:
            routes[path] = {method.lower() for method in route.methods} - {"head"}
    described = {path: set(item) - {"parameters"} for path, item in document()["paths"].items()}
    assert routes == described


def test_its_schemas_are_schemas():
    for name, part in document()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(part), name


def test_every_reference_leads_somewhere():
    def references(part):
        if isinstance(part, dict):
            yield from (value for key, value in part.items() if key == "$ref")
            part = list(part.values())
        if isinstance(part, list):
            for item in part:
                yield from references(item)

    found = set(references(document()))
    assert "#/components/schemas/Report.finding" in found
    for reference in found:
        place = document()
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_limits_of_the_description_are_those_of_the_server(cheap):
    form = document()["paths"]["/api/pictures"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["picture"]["maxItems"] == cheap.get("/api/limits").json()["pictures"]


def test_the_page_about_the_api_names_every_operation(cheap):
    page = cheap.get("/docs").text
    for path, item in document()["paths"].items():
        for method in set(item) - {"parameters"}:
            assert f"<code>{method.upper()} {path}</code>" in page
    assert "<script" not in page


def test_the_analyses_are_those_of_the_registry(cheap):
    from jpegtrace.analyses import all_analyses

    assert [a["id"] for a in cheap.get("/api/analyses").json()] == [a.id for a in all_analyses()]
