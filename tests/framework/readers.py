# SPDX-License-Identifier: GPL-2.0-or-later
#
# Others' readers of the runner's reports. Each takes a report and returns {path: verdict}, where a verdict is passed,
# failed, skipped or todo, and raises Unreadable when its reader finds fault with the report.
import re
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

sys.path.append("/usr/lib/python3/dist-packages")
from mesonbuild import mtest

HERE = Path(__file__).parent
TOOLS = {"perl": "perl", "prove": "perl", "xmllint": "libxml2-utils", "jq": "jq"}


class Unreadable(Exception):
    pass


def collect(pairs):
    verdicts = {}
    for path, verdict in pairs:
        if path in verdicts:
            raise Unreadable(f"{path} is there twice")
        verdicts[path] = verdict
    return verdicts


def tool(*arguments):
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Unreadable(f"{arguments[0]} exits with {done.returncode}: {(done.stderr or done.stdout)[:2000]}")
    return done.stdout


TAP_PARSER = r"""
local $/;
my $parser = TAP::Parser->new({tap => <STDIN>});
while (my $result = $parser->next) {
    next unless $result->is_test;
    my $verdict = $result->has_skip ? "skipped" : $result->is_actual_ok ? "passed" : $result->has_todo ? "todo" : "failed";
    print substr($result->description, 2), "\t$verdict\n";
}
die map { "$_\n" } $parser->parse_errors if $parser->parse_errors;
"""


def for_perl(tap):
    """The Perl of Debian 12 counts a version above 13 as an error. Run by prove, the runner makes that line a comment."""
    text = Path(tap).read_text(encoding="utf-8")
    first = "TAP version 14\n"
    if not text.startswith(first):
        raise Unreadable(f"expected '{first.strip()}' first, saw '{text[:100]}'")
    return "# " + text


def perl(tap):
    """The parser in prove."""
    done = subprocess.run(["perl", "-MTAP::Parser", "-e", TAP_PARSER], input=for_perl(tap), capture_output=True, text=True)
    if done.returncode != 0:
        raise Unreadable(f"TAP::Parser: {done.stderr}")
    return collect(line.split("\t") for line in done.stdout.splitlines())


def prove(tap):
    """It tells by number which fail; who that is, TAP::Parser knows. What fails as known and what is skipped is as good
    as passed to it."""
    old = Path(tap).with_suffix(".perl.tap")
    old.write_text(for_perl(tap), encoding="utf-8")
    done = subprocess.run(["prove", "--exec", "cat", old], capture_output=True, text=True)
    if "Parse errors" in done.stdout or "Result: " not in done.stdout:
        raise Unreadable(f"prove: {done.stdout}")
    failed = set()
    listed = re.search(r"Failed tests?: +([-\d,\s]+)", done.stdout)
    for part in re.findall(r"(\d+)(?:-(\d+))?", listed[1] if listed else ""):
        failed.update(range(int(part[0]), int(part[1] or part[0]) + 1))
    if (done.returncode != 0) != bool(failed):
        raise Unreadable(f"prove exits with {done.returncode}: {done.stdout}")
    verdicts = perl(tap)
    for number, (path, verdict) in enumerate(list(verdicts.items()), 1):
        if number in failed:
            verdicts[path] = "failed"
        elif verdict == "failed":
            verdicts[path] = "passed"
    return verdicts


def meson(tap):
    names = {"OK": "passed", "FAIL": "failed", "SKIP": "skipped", "EXPECTEDFAIL": "todo", "UNEXPECTEDPASS": "notice"}
    pairs = []
    with open(tap, encoding="utf-8") as lines:
        for event in mtest.TAPParser().parse(lines):
            if isinstance(event, mtest.TAPParser.Test):
                pairs.append((event.name[2:], names[event.result.name]))
            elif not isinstance(event, (mtest.TAPParser.Plan, mtest.TAPParser.Version)):
                raise Unreadable(f"Meson reads {event}")
    return collect(pairs)


def junit(xml_file):
    tool("xmllint", "--noout", "--schema", HERE / "junit.xsd", xml_file)
    pairs = []
    for case in xml.etree.ElementTree.parse(xml_file).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            verdict = "failed"
        elif skipped is None:
            verdict = "passed"
        else:
            verdict = "todo" if skipped.get("message").startswith("known trouble") else "skipped"
        pairs.append(("/" + case.get("classname").replace(".", "/") + "/" + case.get("name"), verdict))
    return collect(pairs)


def jq(json):
    query = """select(has("case")) | [.case, if .result == "failed" and has("known_trouble") then "todo" else .result end] | @tsv"""
    return collect(line.split("\t") for line in tool("jq", "-r", query, json).splitlines())


ALL = {"TAP::Parser": ("tap", perl), "prove": ("tap", prove), "Meson": ("tap", meson), "xmllint": ("junit", junit), "jq": ("json", jq)}
