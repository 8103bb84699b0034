import type { ReactNode } from 'react';
import { useFleet } from '../live/store';
import { useTitle } from '../live/title';
import { OneNode } from './one-node';
import { Segmented } from './segmented';

interface Props<T extends string> {
  title: string;
  /** What is listed, also in the names that tests know. */
  what: string;
  /** Only of this node; null: of all. */
  node: number | null;
  choices: readonly { id: T; label: string }[];
  value: T;
  onAllNodes(): void;
  onChange(value: T): void;
  children: ReactNode;
}

/** A page with one long list of the fleet, or of one node of it. */
export function ListPage<T extends string>(props: Props<T>) {
  const { title, what, node, choices, value } = props;
  const { nodes } = useFleet();
  useTitle(title);
  return (
    <div className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-xl font-semibold">{title}</h1>
        {node !== null && (
          <OneNode
            id={node}
            name={nodes?.get(node)?.name}
            what={what}
            testId={`${what}-node`}
            onAll={props.onAllNodes}
          />
        )}
        <Segmented legend="Show" choices={choices} value={value} testId={what} onChange={props.onChange} />
      </div>
      {props.children}
    </div>
  );
}
