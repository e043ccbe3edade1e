// JSON for people.

// With indentation; where it is not (yet) JSON, as it is.
export function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
