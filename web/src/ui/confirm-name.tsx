import { NAMELESS, typedName } from '../lib/names';
import { TextField } from './text-field';

interface Props {
  /** Of the node; what has to be typed. */
  name: string;
  value: string;
  onChange(text: string): void;
}

/** Typed before something that can't be undone. `isTyped` of `lib/names` says whether it is right. */
export function ConfirmName({ name, value, onChange }: Props) {
  const label = (
    <>
      To go on, type the name:{' '}
      <bdi className="text-text select-all wrap-anywhere">{typedName(name) || NAMELESS}</bdi>
    </>
  );
  return (
    <div data-passing>
      <TextField label={label} testId="confirm-name" value={value} onChange={onChange} />
    </div>
  );
}
