/** Why a question was not answered: RFC 9457's members, and what the connection itself may add. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The last part of the type, such as `question-too-large`; `offline` if no server was reached. */
    readonly kind: string,
    readonly detail: string,
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }
}

export function isProblem(value: unknown): value is Problem {
  return value instanceof Problem;
}

interface ProblemBody {
  type?: string;
  title?: string;
  detail?: string;
  errors?: { field: string; detail: string }[];
}

function detailOf(body: ProblemBody): string {
  const fields = body.errors?.map((each) => `${each.field}: ${each.detail}`).join("; ");
  return fields || body.detail || body.title || "";
}

export async function problemOf(response: Response): Promise<Problem> {
  const body: ProblemBody = await response.json().catch(() => ({}));
  const kind = (body.type ?? "").split(/[:/]/).pop() || `status-${response.status}`;
  const after = Number(response.headers.get("Retry-After"));
  return new Problem(response.status, kind, detailOf(body), Number.isFinite(after) && after > 0 ? after : null);
}
