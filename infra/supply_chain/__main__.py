"""`python -m infra.supply_chain sbom|audit`: what is in the image, and what is known to be wrong with it."""

import argparse
import datetime
import json
import sys
from pathlib import Path

from infra.settings.image import Variant
from infra.supply_chain import licences
from infra.supply_chain.audit import LOCKS, AuditError, audit
from infra.supply_chain.exceptions import exceptions, flaws
from infra.supply_chain.sbom import Document, sbom

ROOT = Path(__file__).parents[2]
SBOM, LICENCES = "sbom.cdx.json", "licences.md"


def main(arguments: list[str] | None = None) -> int:
    """Return 0, or 1 for a licence that is not allowed, a vulnerability or an exception that is over."""
    options = _parser().parse_args(arguments)
    if options.command == "sbom":
        return write(sbom(options.variant), ROOT / "build")
    return audited(ROOT, options.osv_url)


def audited(root: Path, service: str | None) -> int:
    """Print what is wrong with the packages locked in `root` and with the exceptions; return 0 for nothing, else 1."""
    today = datetime.datetime.now(datetime.UTC).date()
    borne = exceptions(root)
    try:
        wrong = [*flaws(borne, today), *audit(root, borne, today, service)]
    except AuditError as error:
        wrong = [str(error)]
    _complain(wrong)
    print(f"{len(LOCKS)} lock files, {len(borne)} exceptions, {len(wrong)} to mend")
    return int(bool(wrong))


def write(document: Document, folder: Path) -> int:
    """Write the document and its licences into `folder`; return 1 where one is not allowed, else 0."""
    rules = licences.policy()
    packages = [licences.licensed(each, rules) for each in document["components"]]
    folder.mkdir(exist_ok=True)
    (folder / SBOM).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / LICENCES).write_text(licences.page(packages, rules), encoding="utf-8")
    print(f"{folder.name}/{SBOM} and {folder.name}/{LICENCES}: {len(packages)} packages")
    refused = licences.refused(packages, rules)
    _complain(refused)
    return int(bool(refused))


def _complain(lines: list[str]) -> None:
    for line in lines:
        print(f"error: {line}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.supply_chain", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    documents = commands.add_parser("sbom", help="write build/sbom.cdx.json and build/licences.md")
    documents.add_argument("--variant", type=Variant, choices=list(Variant), default=Variant.CPU)
    service = commands.add_parser("audit", help="ask whether a locked package has a known vulnerability")
    service.add_argument("--osv-url", help="a mirror of https://api.osv.dev/v1/query")
    return parser


if __name__ == "__main__":
    sys.exit(main())
