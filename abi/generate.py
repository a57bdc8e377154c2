#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything that follows from the call table: generate.py KIND calls.toml > output

stubs      keel/calls.h: what a service calls
numbers    call_numbers.h: of the calls that guests make, too
decoder    call_decoder.h: the kernel's decoder, included behind the handlers
reference  the reference page
grammar    the call table as data, for the hostile suite and the fuzzers
"""
import re
import sys
import tomllib

HEAD = "/* SPDX-License-Identifier: Apache-2.0 */\n/* Generated from abi/calls.toml by abi/generate.py. */\n"
POINTERS = {"in": "const ", "out": "", "inout": ""}


def read(path):
    with open(path, "rb") as file:
        calls = tomllib.load(file)["call"]
    names = [call["name"] for call in calls]
    if len(calls) > 40 or len(set(names)) != len(names):
        sys.exit(f"{path}: at most 40 calls (KEEL_CALLS_MAX) with different names are expected")
    for number, call in enumerate(calls):
        call["number"] = number
        call["rights"] = call.get("right", "").split("|") if call.get("right") else []
        if len(call["args"]) > 6:
            sys.exit(f"{path}: {call['name']}: more than 6 arguments")
    return calls


def has_peer(call):
    return bool(call["args"]) and call["args"][0]["class"] == "peer"


def rights_mask(call):
    return " | ".join(f"KEEL_RIGHT_{right}" for right in call["rights"])


def stubs(calls):
    out = [HEAD, "#ifndef KEEL_CALLS_H\n#define KEEL_CALLS_H\n",
           "#include <keel/argo.h>\n#include <keel/domain.h>\n#include <keel/edge.h>\n"
           "#include <keel/event.h>\n#include <keel/interrupt.h>\n#include <keel/plan.h>\n#include <keel/refusals.h>\n#include <keel/trace.h>\n"
           "#include <keel/arch/call.h>\n"]
    for call in calls:
        params, values = [], []
        for arg in call["args"]:
            if arg["class"] in POINTERS and "type" in arg:
                params.append(f"{POINTERS[arg['class']]}{arg['type']} *{arg['name']}")
                values.append(f"(uint64_t)(uintptr_t){arg['name']}")
            elif arg["class"] == "peer":
                params.append("keel_peer peer")
                values.append("peer")
            else:
                params.append(f"uint64_t {arg['name']}")
                values.append(arg["name"])
        if call.get("second"):
            params.append("uint64_t *second")
        values += ["0"] * (6 - len(values))
        second = "second" if call.get("second") else "NULL"
        out.append(f"/* {call['doc']} */")
        out.append(f"static inline int64_t keel_{call['name']}({', '.join(params) or 'void'})")
        out.append("{")
        out.append(f"    return keel_call({call['number']}, {', '.join(values)}, {second});")
        out.append("}\n")
    out.append("#endif")
    return out


def numbers(calls):
    named = ", ".join(f"CALL_{call['name'].upper()} = {call['number']}" for call in calls if call.get("guests"))
    return [HEAD, f"#ifndef CALL_NUMBERS_H\n#define CALL_NUMBERS_H\n\nenum call_number {{ {named} }};\n\n#endif"]


def decoder(calls):
    out = [HEAD, "static inline int64_t calls_decode(struct vcpu *caller, uint64_t number, const uint64_t *x)"]
    out.append("{\n    struct domain *peer;\n    const struct keel_edge *edge;\n    int64_t status;\n")
    out.append("    switch (number) {")
    for call in calls:
        out.append(f"    case {call['number']}:")
        first = 0
        direct = call.get("direct")
        values = [] if direct else ["caller"]
        refused = ""
        if has_peer(call):
            out.append(f"        status = authority_peer(caller->domain, x[0], {rights_mask(call)}, &peer, &edge);")
            if call.get("builds"):
                out.append("        status = status ?: may_build(caller, peer);")
            past = " && status != -KEEL_ESTALE" if call.get("any_incarnation") else ""
            refused = f"unlikely(status < 0{past}) ? status : "
            values += ["peer"] if direct else ["peer", "edge"]
            first = 1
        elif call["rights"]:
            refused = f"unlikely(!(caller->domain->authority.self & ({rights_mask(call)}))) ? -KEEL_EACCES : "
        values += [f"domain_vcpu(peer, x[{n}])" if arg["class"] == "vcpu" else f"x[{n}]"
                   for n, arg in enumerate(call["args"]) if n >= first]
        handler = call["name"] if direct else "call_" + call["name"]
        out.append(f"        return {refused}{handler}({', '.join(values)});")
    out.append("    default:\n        return -KEEL_ENOSYS;\n    }\n}")
    return out


def reference(calls):
    out = ["# Calls of the Keel kernel", "",
           "Generated from `abi/calls.toml`. A service calls with `SVC #0`: number in x8, arguments in x0 to x5; x0",
           "returns a value or a negated error, x1 a second value where one is named; other registers are kept.",
           "Calls with a peer can also return EACCES (no such edge, a right is missing, outside a window) and ESTALE",
           "(another incarnation than named); calls whose right is on the caller itself, EACCES.", "",
           "| nr | call | right | returns |", "|---|---|---|---|"]
    for call in calls:
        args = ", ".join(arg["name"] for arg in call["args"])
        right = " or ".join(call["rights"]) or "-"
        out.append(f"| {call['number']} | `{call['name']}({args})` | {right} | {call.get('returns', '0')} |")
    for call in calls:
        out += ["", f"## {call['number']} {call['name']}", "", call["doc"], ""]
        for arg in call["args"]:
            type_ = f", `{arg['type']}`" if "type" in arg else ""
            out.append(f"- `{arg['name']}`: {arg['class']}{type_}")
        if call.get("errors"):
            out += ["", "Errors: " + "; ".join(call["errors"]) + "."]
    return out


def errors_of(call, calls):
    """The errors that a call documents, besides EACCES and ESTALE; None: those of another interface."""
    found = set()
    for text in call.get("errors", []):
        if text.startswith("those of "):
            return None
        found |= set(re.findall(r"\bE(?!XEC\b)[A-Z0-9]{3,}\b", text))
        for name in re.findall(r"\bas (\w+)", text):
            found |= errors_of(next((c for c in calls if c["name"] == name), {}), calls) or set()
    return found


def grammar(calls):
    out = [HEAD, "#include <keel/edge.h>\n#include <keel/refusals.h>\n",
           "/* For each call: whom it needs a right for, what it may answer, and its arguments. */",
           "struct call_grammar {\n    const char *name;\n"
           "    unsigned rights;  /* enum keel_right, any of; 0: none */\n"
           "    int peer;         /* the first argument is a peer: the right is for it; else for the caller */\n"
           "    int any_incarnation;\n"
           "    int any_error;\n"
           "    unsigned char error[8]; /* enum keel_error, besides EACCES and ESTALE; ends with 0 */\n"
           "    unsigned arguments;\n    const char *class[6];\n    const char *type[6];\n"
           "    const char *argument[6];\n};\n",
           "enum call_grammar_number {"]
    out += [f"    GRAMMAR_{call['name'].upper()} = {call['number']}," for call in calls]
    out += [f"    GRAMMAR_CALLS = {len(calls)},\n}};",
            "_Static_assert(GRAMMAR_CALLS <= KEEL_CALLS_MAX, \"refusals\");\n", "static const struct call_grammar call_grammar[] = {"]
    for call in calls:
        errors = errors_of(call, calls)
        if errors and len(errors) > 7:
            sys.exit(f"{call['name']}: more than 7 errors")
        values = ", ".join([f"KEEL_{error}" for error in sorted(errors or [])] + ["0"])
        columns = [", ".join(f'"{arg.get(key, "")}"' for arg in call["args"]) or "0"
                   for key in ("class", "type", "name")]
        out.append(f'    {{"{call["name"]}", {rights_mask(call) or "0"}, {int(has_peer(call))}, '
                   f'{int(bool(call.get("any_incarnation")))}, {int(errors is None)}, {{{values}}}, '
                   f'{len(call["args"])}, {{{columns[0]}}}, {{{columns[1]}}}, {{{columns[2]}}}}},')
    out.append("};")
    return out


if __name__ == "__main__":
    kinds = {"stubs": stubs, "numbers": numbers, "decoder": decoder, "reference": reference, "grammar": grammar}
    if len(sys.argv) != 3 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    print("\n".join(kinds[sys.argv[1]](read(sys.argv[2]))))
