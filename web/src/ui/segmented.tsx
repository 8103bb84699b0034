interface Props<T extends string> {
  legend: string;
  choices: readonly { id: T; label: string }[];
  value: T;
  testId?: string;
  onChange(value: T): void;
}

/** A choice of a few, all of them in view. */
export function Segmented<T extends string>({ legend, choices, value, testId, onChange }: Props<T>) {
  return (
    <fieldset className="flex w-fit rounded-md border border-line-strong p-px">
      <legend className="sr-only">{legend}</legend>
      {choices.map((choice) => (
        <button
          key={choice.id}
          type="button"
          aria-pressed={value === choice.id}
          data-testid={testId && `${testId}-${choice.id}`}
          onClick={() => onChange(choice.id)}
          className={`h-7 rounded-[5px] px-3 text-sm whitespace-nowrap transition pointer-coarse:h-9 ${
            value === choice.id ? 'bg-hover font-semibold' : 'text-dim hover:text-text'
          }`}
        >
          {choice.label}
        </button>
      ))}
    </fieldset>
  );
}
