import { TextField } from './text-field';

interface Props {
  /** Of the node; what has to be typed. */
  name: string;
  value: string;
  onChange(text: string): void;
}

/** Typed before something that can't be undone. */
export function ConfirmName({ name, value, onChange }: Props) {
  const label = (
    <>
      To go on, type the name: <span className="text-text select-all wrap-anywhere">{name}</span>
    </>
  );
  return <TextField label={label} testId="confirm-name" value={value} onChange={onChange} />;
}
