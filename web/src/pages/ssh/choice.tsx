interface Props {
  checked: boolean;
  onChange(checked: boolean): void;
  label: string;
  note: string;
  disabled?: boolean;
}

/** A yes or no with what it means. */
export function Choice({ checked, onChange, label, note, disabled = false }: Props) {
  return (
    <label className="flex items-start gap-2.5 text-sm">
      <input
        type="checkbox"
        className="mt-0.5"
        disabled={disabled}
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span>
        {label}
        <span className="block text-xs text-faint">{note}</span>
      </span>
    </label>
  );
}
