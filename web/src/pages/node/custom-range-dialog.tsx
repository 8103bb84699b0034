import { type FormEvent, useId, useState } from 'react';
import { WINDOW_MS_MAX, WINDOW_MS_MIN } from '../../lib/range';
import { inputValue } from '../../lib/time';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';

interface Props {
  from: number;
  to: number;
  onClose(): void;
  onChoose(range: { from: number; to: number }): void;
}

export function CustomRangeDialog({ from, to, onClose, onChoose }: Props) {
  const [start, setStart] = useState(inputValue(from));
  const [end, setEnd] = useState(inputValue(to));
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();

  function submit(event: FormEvent) {
    event.preventDefault();
    const range = { from: new Date(start).getTime(), to: new Date(end).getTime() };
    const wide = range.to - range.from;
    if (!Number.isFinite(wide)) setProblem('Both times are needed.');
    else if (wide < WINDOW_MS_MIN) setProblem('The end must be at least 10 seconds after the start.');
    else if (wide > WINDOW_MS_MAX) setProblem('At most 20 years at once.');
    else onChoose(range);
  }

  return (
    <Dialog title="Show a time of your choice" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid grid-cols-1 gap-4">
          {[
            { name: 'from', label: 'From', value: start, set: setStart },
            { name: 'to', label: 'To', value: end, set: setEnd },
          ].map((field) => (
            <div key={field.name} className="grid gap-1">
              <label htmlFor={`${id}-${field.name}`} className="text-sm text-dim">
                {field.label}
              </label>
              <input
                id={`${id}-${field.name}`}
                className="field"
                data-testid={`custom-${field.name}`}
                type="datetime-local"
                step="1"
                required
                value={field.value}
                onChange={(event) => field.set(event.target.value)}
              />
            </div>
          ))}
        </div>
        {problem && (
          <p role="alert" className="text-sm text-bad">
            {problem}
          </p>
        )}
        <FormEnd label="Show" testId="custom-submit" onLeave={onClose} />
      </form>
    </Dialog>
  );
}
