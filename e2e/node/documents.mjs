// Are the two documents what they say they are? Judged by the schemas of their standards. Usage: node documents.mjs FOLDER
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv";
import { parse } from "yaml";

const [folder] = process.argv.slice(2);
const read = (name) => parse(readFileSync(join(folder, name), "utf8"));
const fail = (name, errors) => {
  console.error(`${name}: ${JSON.stringify(errors, null, 1)}`);
  process.exitCode = 1;
};

const routes = await new Validator().validate(read("openapi.yaml"));
if (!routes.valid) fail("openapi.yaml", routes.errors);

// The schema is made of many, of which one is that of draft 7, which ajv has; formats are the business of what reads them.
const schema = createRequire(import.meta.url)("@asyncapi/specs/schemas/3.0.0.json");
delete schema.definitions["http://json-schema.org/draft-07/schema"];
const fits = new Ajv({ strict: false, validateFormats: false }).compile(schema);
const events = read("asyncapi.yaml");
if (!fits(events)) fail("asyncapi.yaml", fits.errors);

// What a schema cannot say: that every reference leads somewhere.
for (const document of [read("openapi.yaml"), events]) {
  const walk = (value) => {
    if (value === null || typeof value !== "object") return;
    if (typeof value.$ref === "string") {
      const way = value.$ref.split("/").slice(1).map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
      if (way.reduce((at, name) => at?.[name], document) === undefined) fail(document.info.title, `no ${value.$ref}`);
    }
    Object.values(value).forEach(walk);
  };
  walk(document);
}
